#include "proxy/net/dns_channel.h"

#include <ares.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <utility>

namespace outrigger {
namespace {

constexpr int kTurns = 64;          // c-ares reads one TCP answer a turn
constexpr Duration kHostsTtl = 5s;  // the hosts file is read again after this

DnsReply read_reply(int status, const ares_addrinfo* answer) {
  DnsReply reply;
  if (status != ARES_SUCCESS) {
    reply.detail = ares_strerror(status);
    const bool absent =
        status == ARES_ENODATA || status == ARES_ENOTFOUND || status == ARES_EBADNAME;
    if (absent) reply.outcome = DnsReply::Outcome::kAbsent;
    if (status == ARES_ETIMEOUT) reply.outcome = DnsReply::Outcome::kTimeout;
    return reply;
  }
  int ttl = INT32_MAX;
  for (const ares_addrinfo_node* node = answer->nodes; node != nullptr; node = node->ai_next) {
    reply.addresses.push_back(SocketAddress::from(node->ai_addr, node->ai_addrlen).with_port(0));
    ttl = std::min(ttl, node->ai_ttl);
  }
  for (const ares_addrinfo_cname* name = answer->cnames; name != nullptr; name = name->next) {
    ttl = std::min(ttl, name->ttl);
  }
  reply.ttl = std::chrono::seconds(std::max(ttl, 0));
  reply.outcome =
      reply.addresses.empty() ? DnsReply::Outcome::kAbsent : DnsReply::Outcome::kAddresses;
  if (reply.addresses.empty()) reply.detail = "the answer holds no address";
  return reply;
}

}  // namespace

struct DnsChannel::Pending {
  DnsChannel& channel;
  Done done;
  bool starting = true;
  std::optional<DnsReply> reply;  // came while starting
};

// One socket of c-ares. c-ares thinks in levels and does not always read until nothing is left;
// service() makes up for the edges.
class DnsChannel::Socket final : private FdWatch {
 public:
  Socket(DnsChannel& channel, int fd) : FdWatch(channel.loop_), channel_(channel), fd_(fd) {
    watch(fd, Mode::kEdge);
  }
  ~Socket() { unwatch(); }
  void close() noexcept { unwatch(); }
  short interest = 0;  // POLLIN, POLLOUT: what c-ares waits for

 private:
  void on_ready(Ready) override { channel_.service(fd_); }
  DnsChannel& channel_;
  int fd_;
};

DnsChannel::DnsChannel(EventLoop& loop, Settings settings)
    : loop_(loop), settings_(std::move(settings)), self_(std::make_shared<DnsChannel*>(this)) {}

DnsChannel::~DnsChannel() {
  *self_ = nullptr;
  shut();
}

DnsChannel::FileState DnsChannel::resolv_conf() noexcept {
  struct stat info{};
  if (::stat("/etc/resolv.conf", &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_mtime, info.st_size};
}

std::string DnsChannel::open() {
  const FileState file = settings_.servers.empty() ? resolv_conf() : FileState{};
  if (channel_ != nullptr && queries_ == 0 && file != opened_with_) shut();
  if (channel_ != nullptr) return {};
  opened_with_ = file;
  ares_options options{};
  options.timeout = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(settings_.timeout).count());
  options.tries = settings_.tries;
  options.lookups = const_cast<char*>("fb");  // the hosts file, then DNS
  options.sock_state_cb = &DnsChannel::on_socket;
  options.sock_state_cb_data = this;
  int status = ares_init_options(
      &channel_, &options,
      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) {
    channel_ = nullptr;
    return std::string("DNS cannot start: ") + ares_strerror(status);
  }
  if (settings_.servers.empty()) return {};
  std::string servers;
  for (const std::string& server : settings_.servers) {
    if (!servers.empty()) servers += ',';
    servers += server;
  }
  status = ares_set_servers_ports_csv(channel_, servers.c_str());
  if (status == ARES_SUCCESS) return {};
  shut();
  return "the DNS servers '" + servers + "' are not usable: " + ares_strerror(status);
}

void DnsChannel::shut() {
  Timer::disarm();
  // Calls back for every query under way, with ARES_EDESTRUCTION, and closes its sockets.
  if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
  sockets_.clear();
  closed_.clear();
}

std::optional<DnsReply> DnsChannel::query(const std::string& host, int family, Done done) {
  if (std::string failed = open(); !failed.empty()) {
    return DnsReply{DnsReply::Outcome::kFailed, {}, {}, std::move(failed)};
  }
  auto* pending = new Pending{*this, std::move(done), true, {}};
  ++queries_;
  ares_addrinfo_hints hints{};
  // The order is ours to decide (RFC 8305), and sorting would open a socket an address. ENVHOSTS
  // lets CARES_HOSTS name another hosts file.
  hints.ai_flags = ARES_AI_NOSORT | ARES_AI_ENVHOSTS;
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, &DnsChannel::on_answer, pending);
  pending->starting = false;
  schedule();
  if (!pending->reply) return std::nullopt;
  std::optional<DnsReply> reply = std::move(pending->reply);
  delete pending;
  reply->ttl = std::max(reply->ttl, kHostsTtl);
  return reply;
}

void DnsChannel::on_answer(void* argument, int status, int, ares_addrinfo* answer) {
  auto* pending = static_cast<Pending*>(argument);
  DnsChannel& channel = pending->channel;
  --channel.queries_;
  DnsReply reply = read_reply(status, answer);
  if (answer != nullptr) ares_freeaddrinfo(answer);
  if (pending->starting) {
    pending->reply = std::move(reply);
    return;
  }
  // c-ares must not be re-entered or destroyed from here: told once it is done.
  if (status != ARES_EDESTRUCTION) {
    channel.finished_.push_back({std::move(pending->done), std::move(reply)});
  }
  delete pending;
}

void DnsChannel::on_socket(void* self, int fd, int readable, int writable) {
  auto& channel = *static_cast<DnsChannel*>(self);
  const auto found = channel.sockets_.find(fd);
  if (readable == 0 && writable == 0) {
    if (found == channel.sockets_.end()) return;
    found->second->close();
    channel.closed_.push_back(std::move(found->second));
    channel.sockets_.erase(found);
    return;
  }
  const bool fresh = found == channel.sockets_.end();
  auto& socket = fresh ? channel.sockets_[fd] : found->second;
  if (fresh) socket = std::make_unique<Socket>(channel, fd);
  socket->interest =
      static_cast<short>((readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0));
  if (fresh || writable == 0) return;
  // The edge that told of room for writing may have passed before c-ares had anything to write.
  channel.loop_.post([self = channel.self_, fd] {
    if (*self != nullptr) (*self)->service(fd);
  });
}

void DnsChannel::service(int fd) {
  for (int turn = 0; turn < kTurns; ++turn) {
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) break;
    pollfd state{fd, found->second->interest, 0};
    if (::poll(&state, 1, 0) <= 0) break;
    const bool broken = (state.revents & (POLLERR | POLLHUP)) != 0;
    const bool read = (state.revents & POLLIN) != 0 || broken;
    const bool write = (state.revents & POLLOUT) != 0;
    ares_process_fd(channel_, read ? fd : ARES_SOCKET_BAD, write ? fd : ARES_SOCKET_BAD);
  }
  schedule();
  deliver();
}

void DnsChannel::on_fire() {
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  schedule();
  deliver();
}

void DnsChannel::schedule() {
  timeval next{};
  if (channel_ == nullptr || ares_timeout(channel_, nullptr, &next) == nullptr) {
    Timer::disarm();
    return;
  }
  loop_.arm(*this, std::chrono::seconds(next.tv_sec) + std::chrono::microseconds(next.tv_usec));
}

void DnsChannel::deliver() {
  const std::shared_ptr<DnsChannel*> self = self_;
  std::vector<Finished> finished = std::exchange(finished_, {});
  closed_.clear();  // may free the socket whose event this is: it is not touched again
  for (Finished& item : finished) {
    if (*self == nullptr) return;
    item.done(std::move(item.reply));
  }
}

}  // namespace outrigger
