#include "proxy/net/listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "proxy/net/errno_text.h"

namespace outrigger {
namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerTurn = 64;
constexpr Duration kPause = 100ms;

bool is_unix(const SocketAddress& address) noexcept {
  return address.family() == AF_UNIX;
}

std::string_view mend(int error) noexcept {
  switch (error) {
    case EADDRINUSE:
      return "; another process listens there: stop it or choose another address";
    case EADDRNOTAVAIL:
      return "; this host has no such address";
    case EACCES:
      return "; choose a port above 1023, or grant the right to this one";
    case ENOENT:
      return "; create the folder first";
    case EAFNOSUPPORT:
      return "; this host does not speak that protocol";
    default:
      return {};
  }
}

std::unexpected<Error> cannot_listen(const SocketAddress& address, int error) {
  std::string detail = "cannot listen on " + address.to_string() + ": " + errno_text(error);
  // A port of the protected range and a file's rights are different mends.
  if (!(error == EACCES && is_unix(address))) detail += mend(error);
  return fail(Errc::kSystem, Origin::kProxy, "proxy_internal_error", std::move(detail));
}

// The file of a socket nobody listens on any more is removed; a live one or another kind of file
// stays.
Status remove_stale(const SocketAddress& address) {
  const std::string path = address.host();
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return fail(Errc::kSystem, Origin::kProxy, "proxy_internal_error",
                "cannot listen on " + address.to_string() +
                    ": the file exists and is not a socket; remove it or choose another path");
  }
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return cannot_listen(address, errno);
  if (::connect(probe.get(), address.raw(), address.size()) == 0 || errno == EAGAIN) {
    return cannot_listen(address, EADDRINUSE);
  }
  if (errno == ECONNREFUSED) ::unlink(path.c_str());
  return {};
}

Result<Fd> bind_socket(const SocketAddress& address, ReusePort reuse) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return cannot_listen(address, errno);
  const int one = 1;
  if (!is_unix(address)) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (reuse == ReusePort::kYes)
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    // On Linux accepted sockets inherit it, which saves a system call a connection.
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  // [::] must not take the IPv4 addresses as well: they are listed on their own.
  if (address.family() == AF_INET6)
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (::bind(fd.get(), address.raw(), address.size()) != 0) return cannot_listen(address, errno);
  return fd;
}

}  // namespace

SocketAddress local_address(const Fd& fd) noexcept {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* raw = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(fd.get(), raw, &size) != 0) return {};
  return SocketAddress::from(raw, size);
}

Result<Fd> bind_listener(const SocketAddress& address, ReusePort reuse) {
  if (is_unix(address)) {
    if (Status status = remove_stale(address); !status) return std::unexpected(status.error());
  }
  Result<Fd> fd = bind_socket(address, reuse);
  if (!fd) return fd;
  if (::listen(fd->get(), kBacklog) != 0) return cannot_listen(address, errno);
  return fd;
}

Result<std::vector<Fd>> bind_listeners(const SocketAddress& address, unsigned count) {
  std::vector<Fd> result;
  SocketAddress bound = address;
  if (is_unix(address)) {
    Result<Fd> first = bind_listener(address, ReusePort::kNo);
    if (!first) return std::unexpected(std::move(first).error());
    result.push_back(std::move(*first));
  } else {
    // SO_REUSEPORT would let us join another process's port unnoticed; binding without it would
    // not.
    Result<Fd> probe = bind_listener(address, ReusePort::kNo);
    if (!probe) return std::unexpected(std::move(probe).error());
    bound = local_address(*probe);
  }
  while (result.size() < count) {
    if (is_unix(address)) {
      result.emplace_back(::fcntl(result.front().get(), F_DUPFD_CLOEXEC, 0));
      if (!result.back().valid()) return cannot_listen(address, errno);
      continue;
    }
    Result<Fd> fd = bind_listener(bound, ReusePort::kYes);
    if (!fd) return std::unexpected(std::move(fd).error());
    result.push_back(std::move(*fd));
  }
  return result;
}

Listener::Listener(EventLoop& loop, Fd fd, Accepted accepted)
    : FdWatch(loop), fd_(std::move(fd)), accepted_(std::move(accepted)) {
  watch(fd_.get(), Mode::kLevelRead);
}

Listener::~Listener() {
  unwatch();
  if (gone_ != nullptr) *gone_ = true;
}

void Listener::stop() noexcept {
  unwatch();
  Timer::disarm();
  fd_.reset();
}

void Listener::on_ready(Ready) {
  bool gone = false;
  gone_ = &gone;
  for (int i = 0; i < kAcceptsPerTurn && fd_.valid(); ++i) {
    sockaddr_storage storage;
    socklen_t size = sizeof storage;
    auto* raw = reinterpret_cast<sockaddr*>(&storage);
    Fd connection(::accept4(fd_.get(), raw, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!connection.valid()) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause();
      // A client that left already, or an error of its network (accept(2)): the next one is
      // unharmed.
      if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO || errno == ENETDOWN ||
          errno == EHOSTUNREACH || errno == ENETUNREACH) {
        continue;
      }
      break;
    }
    accepted_(std::move(connection), SocketAddress::from(raw, size));
    if (gone) return;
  }
  gone_ = nullptr;
}

void Listener::pause() {
  unwatch();
  loop().arm(*this, kPause);
}

void Listener::on_fire() {
  watch(fd_.get(), Mode::kLevelRead);
}

}  // namespace outrigger
