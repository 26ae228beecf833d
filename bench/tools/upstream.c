/* upstream PORT: the HTTP/1.1 server behind every proxy of the comparison. Answers by the last
 * segment of the path, whatever the query: /1k /64k /1m with bodies of that size; /kept-1k and so
 * on with the same, which caches may keep for an hour; /completions as a model does; /sse with one
 * event and then silence; /sse-100 with an event each 100 ms (any number of ms). Answers are made
 * beforehand: it costs as little as can be. */
#include "net.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

enum { kBatch = 256, kRequestBytes = 4096, kSlots = 10, kMaxDescriptors = 1 << 20 };

struct answer {
  char* bytes;
  size_t size;
};

struct connection {
  int fd;
  size_t buffered;    /* bytes of the request that are here */
  const char* unsent; /* the rest of the answer */
  size_t unsent_bytes;
  int event_ms; /* 0: no stream */
  bool wants_write;
  char request[kRequestBytes];
};

enum { kAnswers = 7, kCompletion = 6 };
static struct answer answers[kAnswers];
static const char* const kNames[kAnswers] = {"1k",       "64k",     "1m",         "kept-1k",
                                             "kept-64k", "kept-1m", "completions"};
static const size_t kSizes[3] = {1024, 65536, 1048576};

static const char kStreamHead[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
/* About the size of one token of a language model. */
static const char kEvent[] =
    "79\r\ndata: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"choices\":"
    "[{\"index\":0,\"delta\":{\"content\":\"token\"}}]}\n\n\r\n";
static const char kNotFound[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

static int epoll;
static struct connection** connections;
static int highest;

static const char kCompletionStart[] =
    "{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion\",\"model\":\"bench\","
    "\"choices\":"
    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"";
static const char kCompletionEnd[] =
    "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":200,"
    "\"total_tokens\":450}}";

/* Returns the body, a JSON string. */
static char* make_answer(struct answer* answer, const char* field, size_t size) {
  answer->bytes = malloc(size + 256);
  int head = sprintf(answer->bytes,
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%s"
                     "Content-Length: %zu\r\n\r\n",
                     field, size);
  answer->size = (size_t)head + size;
  char* body = memset(answer->bytes + head, 'x', size);
  body[0] = body[size - 1] = '"';
  return body;
}

static void make_answers(void) {
  for (int i = 0; i < 3; ++i) {
    make_answer(&answers[i], "", kSizes[i]);
    make_answer(&answers[3 + i], "Cache-Control: max-age=3600\r\n", kSizes[i]);
  }
  char* body = make_answer(&answers[kCompletion], "", 1024);
  memcpy(body, kCompletionStart, sizeof kCompletionStart - 1);
  memcpy(body + 1024 - (sizeof kCompletionEnd - 1), kCompletionEnd, sizeof kCompletionEnd - 1);
}

static void close_connection(struct connection* c) {
  connections[c->fd] = NULL;
  close(c->fd);
  free(c);
}

static void want_write(struct connection* c, bool wanted) {
  if (c->wants_write == wanted) return;
  c->wants_write = wanted;
  struct epoll_event event = {.events = EPOLLIN | (wanted ? (uint32_t)EPOLLOUT : 0),
                              .data.fd = c->fd};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* False when the connection is gone. */
static bool flush(struct connection* c) {
  while (c->unsent_bytes > 0) {
    ssize_t sent = send(c->fd, c->unsent, c->unsent_bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) {
      close_connection(c);
      return false;
    }
    c->unsent += sent;
    c->unsent_bytes -= (size_t)sent;
  }
  want_write(c, c->unsent_bytes > 0);
  return true;
}

static void answer_with(struct connection* c, const char* bytes, size_t size) {
  c->unsent = bytes;
  c->unsent_bytes = size;
}

static void answer(struct connection* c, const char* target, const char* target_end) {
  const char* query = memchr(target, '?', (size_t)(target_end - target));
  if (query != NULL) target_end = query;
  const char* segment = target_end;
  while (segment > target && segment[-1] != '/') --segment;
  size_t size = (size_t)(target_end - segment);
  if (size >= 3 && memcmp(segment, "sse", 3) == 0) {
    static char opening[sizeof kStreamHead + sizeof kEvent];
    c->event_ms = size > 4 ? atoi(segment + 4) : -1;
    snprintf(opening, sizeof opening, "%s%s", kStreamHead, kEvent);
    answer_with(c, opening, strlen(opening));
    return;
  }
  for (int i = 0; i < kAnswers; ++i) {
    if (strlen(kNames[i]) == size && memcmp(kNames[i], segment, size) == 0) {
      answer_with(c, answers[i].bytes, answers[i].size);
      return;
    }
  }
  answer_with(c, kNotFound, sizeof kNotFound - 1);
}

/* Of a POST; its head has to be whole. */
static size_t body_bytes(char* request, char* head_end) {
  *head_end = '\0';
  const char* length = strcasestr(request, "\r\ncontent-length:");
  *head_end = '\r';
  return length ? strtoul(length + 17, NULL, 10) : 0;
}

/* Answers whole requests one after the other. */
static void serve(struct connection* c) {
  while (c->unsent_bytes == 0 && c->event_ms == 0) {
    char* end = memmem(c->request, c->buffered, "\r\n\r\n", 4);
    if (end == NULL) return;
    char* target = memchr(c->request, ' ', c->buffered);
    char* target_end = target ? memchr(target + 1, ' ', (size_t)(end - target)) : NULL;
    if (target_end == NULL) {
      close_connection(c);
      return;
    }
    size_t used = (size_t)(end + 4 - c->request);
    if (c->request[0] == 'P') used += body_bytes(c->request, end);
    if (used > c->buffered) return;
    answer(c, target + 1, target_end);
    memmove(c->request, c->request + used, c->buffered - used);
    c->buffered -= used;
    if (!flush(c)) return;
  }
}

static void on_readable(struct connection* c) {
  ssize_t received = recv(c->fd, c->request + c->buffered, kRequestBytes - c->buffered, 0);
  if (received < 0 && errno == EAGAIN) return;
  if (received <= 0) {
    close_connection(c);
    return;
  }
  c->buffered += (size_t)received;
  serve(c);
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    no_delay(fd);
    struct connection* c = calloc(1, sizeof *c);
    c->fd = fd;
    connections[fd] = c;
    if (fd > highest) highest = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

/* Each tick serves the streams of one slot, so that events are spread over their interval. */
static void tick(int timer, uint64_t* ticks) {
  uint64_t passed;
  if (read(timer, &passed, sizeof passed) != sizeof passed) return;
  ++*ticks;
  for (int fd = 0; fd <= highest; ++fd) {
    struct connection* c = connections[fd];
    if (c == NULL || c->event_ms <= 0 || c->unsent_bytes > 0) continue;
    uint64_t period = (uint64_t)(c->event_ms < kSlots ? kSlots : c->event_ms) / kSlots;
    if (*ticks % period != (uint64_t)fd % period) continue;
    answer_with(c, kEvent, sizeof kEvent - 1);
    flush(c);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "upstream PORT\n");
    return 2;
  }
  raise_descriptor_limit();
  make_answers();
  connections = calloc(kMaxDescriptors, sizeof(struct connection*));
  epoll = epoll_create1(EPOLL_CLOEXEC);
  int listener = listen_on(atoi(argv[1]));
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct itimerspec each_10_ms = {{0, 10000000}, {0, 10000000}};
  timerfd_settime(timer, 0, &each_10_ms, NULL);
  uint64_t ticks = 0;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[kBatch];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = timer;
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
  for (;;) {
    int count = epoll_wait(epoll, events, kBatch, -1);
    for (int i = 0; i < count; ++i) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        accept_all(listener);
      } else if (fd == timer) {
        tick(timer, &ticks);
      } else if (connections[fd] != NULL) {
        if (events[i].events & EPOLLOUT) {
          if (!flush(connections[fd])) continue;
          serve(connections[fd]);
        } else {
          on_readable(connections[fd]);
        }
      }
    }
  }
}
