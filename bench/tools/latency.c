/* latency PORT PATH REQUESTS: one connection, one request at a time; prints the 50th, 90th and 99th
 * percentile of the time from the first byte sent to the last byte received, in microseconds. */
#include "net.h"

enum { kBufferBytes = 1 << 16 };

static int by_value(const void* a, const void* b) {
  uint64_t x = *(const uint64_t*)a, y = *(const uint64_t*)b;
  return x < y ? -1 : x > y;
}

/* Reads one answer with a Content-Length; false when it is none, or not 200. */
static bool read_answer(int fd, char* buffer) {
  size_t have = 0;
  char* body = NULL;
  size_t total = 0;
  for (;;) {
    ssize_t received = recv(fd, buffer + have, kBufferBytes - 1 - have, 0);
    if (received <= 0) return false;
    have += (size_t)received;
    buffer[have] = '\0';
    if (body == NULL && (body = strstr(buffer, "\r\n\r\n")) != NULL) {
      char* length = strcasestr(buffer, "\r\ncontent-length:");
      if (strncmp(buffer + 8, " 200", 4) != 0 || length == NULL) return false;
      total = (size_t)(body + 4 - buffer) + strtoul(length + 17, NULL, 10);
      if (total >= kBufferBytes) return false;
    }
    if (body != NULL && have >= total) return have == total;
  }
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "latency PORT PATH REQUESTS\n");
    return 2;
  }
  size_t requests = strtoul(argv[3], NULL, 10);
  if (requests == 0) return 2;
  uint64_t* times = malloc(requests * sizeof *times);
  char* buffer = malloc(kBufferBytes);
  char request[512];
  int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n",
                      argv[2], argv[1]);
  int fd = connect_to(atoi(argv[1]));
  if (fd < 0) die("connect");
  size_t warm_up = requests / 10;
  for (size_t i = 0; i < requests + warm_up; ++i) {
    uint64_t begun = now_ns();
    if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size || !read_answer(fd, buffer)) {
      fprintf(stderr, "latency: not an answer: %.200s\n", buffer);
      return 1;
    }
    if (i >= warm_up) times[i - warm_up] = now_ns() - begun;
  }
  qsort(times, requests, sizeof *times, by_value);
  printf("%.1f %.1f %.1f\n", (double)times[requests / 2] / 1e3,
         (double)times[requests * 9 / 10] / 1e3, (double)times[requests * 99 / 100] / 1e3);
}
