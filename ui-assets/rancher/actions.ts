// Actions in Rancher's cluster tables: those of Cluster Management, and those of Continuous Delivery.
import { inWords } from "../components/core/app";
import { ApiError } from "../components/core/client";
import { CLUSTER, clusterOf, type HostResource, isLocal, type Plugin, PROVISIONED, type TableAction } from "./host";
import type { RancherSession } from "./session";

const TABLES = [
  { product: ["manager"], resource: [PROVISIONED] },
  { product: ["fleet"], resource: [CLUSTER] },
];

export function addActions(plugin: Plugin, session: RancherSession): void {
  const { t } = session.app;
  const offered: TableAction[] = [
    {
      label: t("rancher.forceUpdate"),
      icon: "icon-refresh",
      multiple: true,
      enabled: () => session.may.has("forceUpdate"),
      invoke: (_, resources) => void forceUpdate(session, resources),
    },
    {
      label: t("rancher.move"),
      icon: "icon-fleet",
      multiple: true,
      enabled: (resource) => session.may.has("move") && !isLocal(resource),
      invoke: (_, resources) => {
        session.show();
        session.moving.value = resources.map(clusterOf);
      },
    },
  ];
  TABLES.forEach((table) => offered.forEach((action) => plugin.addAction("table-action", table, action)));
}

async function forceUpdate(session: RancherSession, resources: HostResource[]): Promise<void> {
  const { client, notices, t } = session.app;
  session.show();
  try {
    await session.door.find();
    await client.post("operations", { kind: "forceUpdate", type: "fleet.cattle.io.clusters", ids: resources.map(clusterOf) });
    notices.say("success", t("operation.begun", { count: resources.length }));
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
    const words = inWords(problem, t);
    notices.say("error", words.text, words.detail);
  }
}
