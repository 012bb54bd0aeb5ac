#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *told;
static int64_t nothing[2];

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("TROUBLE");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *found = file < 0 ? MAP_FAILED : mmap(0, sizeof nothing, PROT_READ, MAP_SHARED, file, 0);
  told = found == MAP_FAILED ? nothing : found;
  if (file >= 0) close(file);
}
static int64_t at(int n) { return told ? told[n] : 0; }
static int slowly(int (*real)(int), int file) {
  struct timespec pause = {at(0) / 1000, at(0) % 1000 * 1000000};
  if (at(0)) nanosleep(&pause, 0);
  return real(file);
}
int fsync(int file) { return slowly((int (*)(int))dlsym(RTLD_NEXT, "fsync"), file); }
int fdatasync(int file) { return slowly((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"), file); }
int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int code = real(clock, now);
  if (!code && clock == CLOCK_REALTIME) now->tv_sec += at(1);
  return code;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
  int code = real(now, zone);
  if (!code) now->tv_sec += at(1);
  return code;
}
time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
