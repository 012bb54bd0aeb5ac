// The pages below `/w/<workspace>/`.
import { createRouter, createWebHistory, type Router } from "vue-router";
import { ALL } from "../components/core/nav";
import { HOME, PAGES } from "../components/routes";

export function makeRouter(): Router {
  return createRouter({
    history: createWebHistory("/"),
    routes: [
      { path: "/", name: "home", redirect: { name: HOME, params: { workspace: ALL } } },
      ...PAGES.map((page) => ({ path: `/w/:workspace/${page.path}`.replace(/\/$/, ""), name: page.name, component: page.load, meta: { nav: page.nav } })),
      { path: "/:rest(.*)*", name: "nothing", component: () => import("./NothingPage.vue"), meta: { nav: "" } },
    ],
  });
}
