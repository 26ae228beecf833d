/* keyed PORT PATH RATE SECONDS KEYS: POSTs at a steady rate over 32 connections, each request with
 * an Idempotency-Key of its own where KEYS is 1; prints the 50th, 90th and 99th percentile of the
 * time from the first byte sent to the last byte received, in microseconds. */
#include "net.h"

#include <pthread.h>

enum { kConnections = 32, kBufferBytes = 1 << 16 };

static int port, keys;
static const char* path;
static double rate, seconds;
static unsigned long started;

struct worker {
  pthread_t thread;
  int number;
  size_t count;
  uint64_t* times;
  bool failed;
};

static void wait_until(uint64_t when) {
  struct timespec at = {(time_t)(when / 1000000000), (long)(when % 1000000000)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void* work(void* argument) {
  struct worker* self = argument;
  char* buffer = malloc(kBufferBytes);
  int fd = connect_to(port);
  uint64_t gap = (uint64_t)(1e9 * kConnections / rate);
  uint64_t next = now_ns() + gap * (uint64_t)self->number / kConnections;
  for (size_t i = 0; i < self->count && !self->failed; ++i, next += gap) {
    char request[512], key[80] = "";
    if (keys) {
      snprintf(key, sizeof key, "Idempotency-Key: %lu-%d-%zu\r\n", started, self->number, i);
    }
    int size =
        snprintf(request, sizeof request,
                 "POST %s HTTP/1.1\r\nHost: bench\r\n%sContent-Length: 0\r\n\r\n", path, key);
    wait_until(next);
    uint64_t begun = now_ns();
    self->failed = send(fd, request, (size_t)size, MSG_NOSIGNAL) != size ||
                   !read_answer(fd, buffer, kBufferBytes);
    self->times[i] = now_ns() - begun;
  }
  close(fd);
  free(buffer);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 6) {
    fprintf(stderr, "keyed PORT PATH RATE SECONDS KEYS\n");
    return 2;
  }
  port = atoi(argv[1]), path = argv[2], rate = atof(argv[3]), seconds = atof(argv[4]);
  keys = atoi(argv[5]), started = (unsigned long)now_ns();
  struct worker workers[kConnections];
  size_t each = (size_t)(rate * seconds / kConnections);
  uint64_t* times = malloc(each * kConnections * sizeof *times);
  for (int i = 0; i < kConnections; ++i) {
    workers[i] = (struct worker){.number = i, .count = each, .times = times + each * (size_t)i};
    pthread_create(&workers[i].thread, NULL, work, &workers[i]);
  }
  bool failed = false;
  for (int i = 0; i < kConnections; ++i) {
    pthread_join(workers[i].thread, NULL);
    failed |= workers[i].failed;
  }
  if (failed) {
    fprintf(stderr, "a request failed\n");
    return 1;
  }
  size_t all = each * kConnections;
  qsort(times, all, sizeof *times, by_value);
  printf("%.1f %.1f %.1f\n", (double)times[all / 2] / 1e3, (double)times[all * 9 / 10] / 1e3,
         (double)times[all * 99 / 100] / 1e3);
  return 0;
}
