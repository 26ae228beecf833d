/* latency PORT PATH REQUESTS: one connection, one request at a time; prints the 50th, 90th and 99th
 * percentile of the time from the first byte sent to the last byte received, in microseconds. A `*`
 * at the end of PATH is a number that never comes again. */
#include "net.h"

enum { kBufferBytes = 1 << 16 };

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
  size_t fixed = strcspn(argv[2], "*");
  bool varies = argv[2][fixed] == '*';
  uint64_t number = now_ns();
  int fd = connect_to(atoi(argv[1]));
  if (fd < 0) die("connect");
  size_t warm_up = requests / 10;
  for (size_t i = 0; i < requests + warm_up; ++i) {
    int size = snprintf(request, sizeof request, "GET %.*s", (int)fixed, argv[2]);
    char* end = request + size;
    if (varies) end += sprintf(end, "%lu", (unsigned long)number++);
    end += sprintf(end, " HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", argv[1]);
    size = (int)(end - request);
    uint64_t begun = now_ns();
    if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size ||
        !read_answer(fd, buffer, kBufferBytes)) {
      fprintf(stderr, "latency: not an answer: %.200s\n", buffer);
      return 1;
    }
    if (i >= warm_up) times[i - warm_up] = now_ns() - begun;
  }
  qsort(times, requests, sizeof *times, by_value);
  printf("%.1f %.1f %.1f\n", (double)times[requests / 2] / 1e3,
         (double)times[requests * 9 / 10] / 1e3, (double)times[requests * 99 / 100] / 1e3);
}
