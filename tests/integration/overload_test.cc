// The proxy itself runs out of memory or descriptors: it sheds work, stays within bounds, and is
// well again when the load is gone (resilience 5.3: Operate).
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <thread>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

// A thousand clients on a busy machine take their time.
constexpr const char* kPatient =
    "limits: {first_request_idle: 10m, head_time: 10m, body_rate_window: 10m, write_stall: 10m}";

// What a sanitizer keeps of memory that was freed, and its shadow.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::size_t kSanitizer = 768 * kMiB;
#else
constexpr std::size_t kSanitizer = 0;
#endif
#else
constexpr std::size_t kSanitizer = 0;
#endif

// A line of /proc/PID/status or /proc/meminfo, "VmHWM:   123 kB", in bytes.
std::size_t kilobytes_of(const std::string& path, std::string_view name) {
  const std::string text = read_file(path);
  const std::size_t at = text.find(name);
  return at == std::string::npos ? 0 : std::stoul(text.substr(at + name.size())) * 1024;
}

// Takes many uploads on one thread, a little of each in turn once it is told to, and answers 200.
class SlowUpstream {
 public:
  SlowUpstream() : listener_(Socket::listen(0, 4096)), thread_([this] { run(); }) {}
  ~SlowUpstream() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] std::string url() const {
    return fmt::format("http://127.0.0.1:{}", listener_.local_port());
  }
  void read_on() { reading_ = true; }
  [[nodiscard]] std::size_t connections() const { return connections_; }

 private:
  struct Peer {
    Socket socket;
    std::string head;
    std::size_t missing = 0;  // of the body
    bool in_body = false;
  };
  static constexpr std::size_t kAtOnce = 8 * 1024;

  void run() {
    ::fcntl(listener_.fd(), F_SETFL, O_NONBLOCK);
    while (!stop_) {
      std::vector<pollfd> wanted{{listener_.fd(), POLLIN, 0}};
      for (const Peer& peer : peers_) {
        wanted.push_back({reading_ ? peer.socket.fd() : -1, POLLIN, 0});
      }
      ::poll(wanted.data(), wanted.size(), 10);
      for (std::size_t i = peers_.size(); i > 0; --i) {
        if (wanted[i].revents != 0 && !take(peers_[i - 1])) {
          peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(i - 1));
        }
      }
      if (wanted[0].revents != 0) accept_all();
    }
  }
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      peers_.emplace_back().socket = Socket(fd);
      ++connections_;
    }
  }
  static bool take(Peer& peer) {
    char bytes[kAtOnce];
    const ssize_t size = ::recv(peer.socket.fd(), bytes, sizeof bytes, 0);
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    std::size_t of_body = static_cast<std::size_t>(size);
    if (!peer.in_body) {
      peer.head.append(bytes, of_body);
      const std::size_t end = peer.head.find("\r\n\r\n");
      if (end == std::string::npos) return true;
      const std::size_t length = peer.head.find("ontent-length: ");
      const std::size_t other = peer.head.find("ontent-Length: ");
      peer.missing = std::stoul(peer.head.substr(std::min(length, other) + 15));
      of_body = peer.head.size() - end - 4;
      peer.in_body = true;
      peer.head.clear();
    }
    peer.missing -= std::min(of_body, peer.missing);
    if (peer.missing > 0) return true;
    peer.in_body = false;
    constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    return ::send(peer.socket.fd(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) > 0;
  }

  Socket listener_;
  std::vector<Peer> peers_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> reading_ = false;
  std::atomic<std::size_t> connections_ = 0;
  std::thread thread_;
};

// Many clients, each with one upload, on the test's own thread.
class Crowd {
 public:
  Crowd(std::uint16_t port, std::size_t clients, std::size_t body)
      : request_(fmt::format("POST /up/p HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                             "Content-Length: {}\r\n\r\n",
                             body) +
                 std::string(body, 'x')) {
    for (std::size_t i = 0; i < clients; ++i) {
      peers_.emplace_back().socket = Socket::connect(port);
    }
  }
  // Sends and reads whatever can be, until `done` says so or everybody has an answer.
  template <class Done>
  void run(Done done, Deadline deadline = Deadline(120s)) {
    while (answered_ < peers_.size() && !done()) {
      if (deadline.passed()) give_up("{} of {} answered", answered_, peers_.size());
      std::vector<pollfd> wanted;
      for (const Peer& peer : peers_) {
        const short events = peer.sent < request_.size() ? POLLIN | POLLOUT : POLLIN;
        wanted.push_back({peer.status == kNone ? peer.socket.fd() : -1, events, 0});
      }
      ::poll(wanted.data(), wanted.size(), 20);
      for (std::size_t i = 0; i < peers_.size(); ++i) {
        if (wanted[i].revents != 0) advance(peers_[i], wanted[i].revents);
      }
    }
  }
  // How many had which status; 0: the connection ended without one.
  [[nodiscard]] std::map<int, std::size_t> statuses() const {
    std::map<int, std::size_t> counts;
    for (const Peer& peer : peers_) ++counts[peer.status];
    return counts;
  }

 private:
  static constexpr int kNone = -1;
  struct Peer {
    Socket socket;
    std::size_t sent = 0;
    std::string answer;
    int status = kNone;
  };
  void advance(Peer& peer, short events) {
    char bytes[4096];
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
      const ssize_t size = ::recv(peer.socket.fd(), bytes, sizeof bytes, 0);
      if (size > 0) peer.answer.append(bytes, static_cast<std::size_t>(size));
      if (peer.answer.size() >= 12) return settle(peer, std::stoi(peer.answer.substr(9, 3)));
      if (size == 0 || (size < 0 && errno != EAGAIN)) return settle(peer, 0);
    }
    if ((events & POLLOUT) == 0 || peer.sent == request_.size()) return;
    const ssize_t size =
        ::send(peer.socket.fd(), request_.data() + peer.sent,
               std::min(request_.size() - peer.sent, 64 * std::size_t{1024}), MSG_NOSIGNAL);
    if (size > 0) peer.sent += static_cast<std::size_t>(size);
  }
  void settle(Peer& peer, int status) {
    peer.status = status;
    ++answered_;
  }

  const std::string request_;
  std::vector<Peer> peers_;
  std::size_t answered_ = 0;
};

class Overload : public ::testing::Test {
 protected:
  Overload() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  static std::size_t peak_of(TestProxy& proxy) {
    return kilobytes_of(fmt::format("/proc/{}/status", proxy.process().pid()), "VmHWM:");
  }
  static int level(TestProxy& proxy, const std::string& resource) {
    return static_cast<int>(
        proxy.metric(fmt::format("outrigger_overload{{resource=\"{}\"}}", resource)));
  }
};

TEST_F(Overload, MemoryStaysBoundedUnderAThousandLongPrompts) {
  constexpr std::size_t kClients = 1000;
  SlowUpstream upstream;
  TestProxy proxy(ProxyConfig()
                      .upstream("up", upstream.url(),
                                "use: llm, retry: {}, circuit_breaker: none, concurrency: none, "
                                "pool: {connections: 2000}")
                      .server(kPatient)
                      .server("overload: {replay_buffers: {memory: 64MiB, disk: 64MiB}}"),
                  {.check_descriptors = false});
  const std::size_t before = peak_of(proxy);
  Crowd crowd(proxy.port(), kClients, kMiB);
  crowd.run([&] { return upstream.connections() >= kClients; });
  upstream.read_on();
  crowd.run([] { return false; });
  const std::map<int, std::size_t> statuses = crowd.statuses();
  for (const auto& [status, count] : statuses) {
    EXPECT_TRUE(status == 200 || status == 503) << count << " with " << status;
  }
  EXPECT_GT(statuses.contains(200) ? statuses.at(200) : 0, 0u);
  // The replay buffers, and of each request what is on its way between two sockets.
  EXPECT_LT(peak_of(proxy) - before, 64 * kMiB + kClients * 192 * 1024 + kSanitizer);
}

TEST_F(Overload, AtTheHardMarkNewRequestsAreRefusedUntilThereIsRoom) {
  const std::size_t mark = kilobytes_of("/proc/meminfo", "MemTotal:") / 100;
  if (mark > 600 * kMiB) GTEST_SKIP() << "one percent of this machine is too much to fill";
  SlowUpstream upstream;
  Upstream quick;
  quick.expect("GET /p").always().reply(200, "ok");
  TestProxy proxy(ProxyConfig()
                      .upstream("up", upstream.url(),
                                "use: llm, retry: {}, circuit_breaker: none, concurrency: none, "
                                "pool: {connections: 2000}")
                      .upstream("quick", quick)
                      .server(kPatient)
                      .server("overload: {memory: {soft: 1%, hard: 1%}, retry_after: 7s, "
                              "replay_buffers: {memory: 2GiB}}"),
                  {.check_descriptors = false});
  if (level(proxy, "memory") == 0) EXPECT_EQ(proxy.fetch(get("/quick/p")).status, 200);
  {
    Crowd crowd(proxy.port(), 1000, kMiB);
    crowd.run([&] { return level(proxy, "memory") == 2; });
    EXPECT_EQ(level(proxy, "memory"), 2);
    const Response refused = proxy.fetch(get("/quick/p"));
    expect_problem(refused, 503, "proxy_overloaded");
    EXPECT_EQ(value_of(refused.headers, "retry-after"), "7");
    EXPECT_EQ(proxy.health("/readyz").status, 200);
    EXPECT_EQ(proxy.health("/livez").status, 200);
    upstream.read_on();
    crowd.run([] { return false; });
    for (const auto& [status, count] : crowd.statuses()) {
      EXPECT_TRUE(status == 200 || status == 503) << count << " with " << status;
    }
  }
  EXPECT_TRUE(proxy.log().contains("the proxy is running out of a resource"));
  // Another mark is in force at once.
  proxy.reload(ProxyConfig()
                   .upstream("up", upstream.url(), "use: llm, pool: {connections: 2000}")
                   .upstream("quick", quick)
                   .server("overload: {memory: {soft: 98%, hard: 99%}}"));
  EXPECT_TRUE(eventually([&] { return proxy.fetch(get("/quick/p")).status == 200; }));
  EXPECT_EQ(level(proxy, "memory"), 0);
}

TEST_F(Overload, NearTheLastDescriptorConnectionsAreRefusedAndTheOthersServed) {
  Upstream upstream;
  upstream.expect("GET /p").always().reply(200, "ok");
  TestProxy proxy(ProxyConfig()
                      .upstream("up", upstream)
                      .workers(1)
                      .server("overload: {descriptors: {soft: 50%, hard: 80%}, retry_after: 7s}"),
                  {.max_files = 80});
  Client early(proxy.port());
  EXPECT_EQ(early.fetch(get("/up/p")).body, "ok");
  {
    std::vector<std::unique_ptr<Client>> hoard;
    for (int i = 0; i < 100; ++i) hoard.push_back(std::make_unique<Client>(proxy.port()));
    Client& late = *hoard.back();
    const Response refused = late.await_answer("GET")->read_all();  // before it has asked
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(value_of(refused.headers, "retry-after"), "7");
    EXPECT_EQ(value_of(refused.headers, "outrigger-source"), "proxy");
    EXPECT_LT(proxy.process().descriptors().size(), 80u) << "some are left for what runs";
    EXPECT_EQ(early.fetch(get("/up/p")).body, "ok");
    EXPECT_EQ(proxy.health("/readyz").status, 200);
    EXPECT_GT(proxy.metric(R"(outrigger_limit_refusals_total{limit="descriptors"})"), 0);
    EXPECT_TRUE(eventually([&] { return level(proxy, "descriptors") > 0; }));
  }
  EXPECT_TRUE(eventually([&] { return level(proxy, "descriptors") == 0; }));
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "ok");
}

}  // namespace
}  // namespace outrigger::test
