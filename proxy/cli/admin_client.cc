#include "proxy/cli/admin_client.h"

#include <netdb.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/address.h"
#include "config/units.h"
#include "proxy/http/h1_parser.h"
#include "proxy/net/address.h"
#include "proxy/net/errno_text.h"
#include "proxy/net/fd.h"

namespace outrigger::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostAnswer = std::size_t{64} << 20;

std::unexpected<Error> failed(Errc code, std::string why) {
  return fail(code, Origin::kUpstream, "connection_refused", std::move(why));
}

// A connection that waits, until the deadline of the whole request.
class Connection {
 public:
  explicit Connection(Clock::time_point deadline) : deadline_(deadline) {}

  Status open(const SocketAddress& address) {
    fd_ = Fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_.valid()) return failed(Errc::kSystem, errno_text(errno));
    if (::connect(fd_.get(), address.raw(), address.size()) == 0) return {};
    if (errno != EINPROGRESS) return failed(Errc::kConnect, errno_text(errno));
    if (Status ready = wait(POLLOUT); !ready) return ready;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return failed(Errc::kConnect, errno_text(error));
    return {};
  }

  Status write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        if (Status ready = wait(POLLOUT); !ready) return ready;
      } else if (errno == EPIPE || errno == ECONNRESET) {
        return {};  // it may have answered before it closed
      } else if (errno != EINTR) {
        return failed(Errc::kReset, errno_text(errno));
      }
    }
    return {};
  }

  // All that comes until the other side closes.
  Result<std::string> read() {
    std::string all;
    std::vector<char> buffer(64 * 1024);
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (got == 0) return all;
      if (got > 0) {
        all.append(buffer.data(), static_cast<std::size_t>(got));
        if (all.size() > kMostAnswer) return failed(Errc::kTooLarge, "the answer has no end");
      } else if (errno == EAGAIN) {
        if (Status ready = wait(POLLIN); !ready) return std::unexpected(ready.error());
      } else if (errno != EINTR) {
        return failed(Errc::kReset, errno_text(errno));
      }
    }
  }

 private:
  Status wait(short events) {
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      if (left <= 0) return failed(Errc::kTimeout, "no answer in time");
      pollfd watched{fd_.get(), events, 0};
      const int ready = ::poll(&watched, 1, static_cast<int>(std::min<long>(left, 1'000'000)));
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return failed(Errc::kSystem, errno_text(errno));
    }
  }

  Fd fd_;
  const Clock::time_point deadline_;
};

// Where the address leads to; several for a name.
Result<std::vector<SocketAddress>> resolve(const AdminAddress& address) {
  if (!address.socket.empty()) {
    if (const auto path = SocketAddress::unix_path(address.socket)) return std::vector{*path};
    return failed(Errc::kResolve, "the path of the socket is too long");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (error != 0) return failed(Errc::kResolve, ::gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::vector<SocketAddress> found;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    found.push_back(SocketAddress::from(one->ai_addr, one->ai_addrlen));
  }
  return found;
}

std::string host_field(const AdminAddress& address) {
  if (!address.socket.empty()) return "localhost";
  const bool brackets = address.host.contains(':');
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", address.host, brackets ? "]" : "",
                     address.port);
}

// HTTP/1.0: the answer's body comes as it is, and the connection ends behind it.
std::string message(const AdminAddress& address, const AdminRequest& request, const Secret& token) {
  std::string text =
      fmt::format("{} {}{} HTTP/1.0\r\nHost: {}\r\nConnection: close\r\nUser-Agent: outrigger\r\n",
                  request.method, address.base_path, request.path, host_field(address));
  if (!token.empty()) text += fmt::format("Authorization: Bearer {}\r\n", token.reveal());
  if (!request.json.empty()) {
    fmt::format_to(std::back_inserter(text),
                   "Content-Type: application/json\r\nContent-Length: {}\r\n", request.json.size());
  }
  return text + "\r\n" + request.json;
}

Result<AdminAnswer> parse(const std::string& bytes) {
  if (bytes.empty()) return failed(Errc::kClosed, "the connection was closed without an answer");
  http::ResponseParser parser({});
  if (parser.parse(bytes) != http::Progress::kComplete) {
    return failed(Errc::kProtocol, "what answers there does not speak HTTP");
  }
  const std::size_t head_size = parser.size();
  const http::ResponseHead head =
      parser.take(Slice::copy(std::string_view(bytes).substr(0, head_size)));
  AdminAnswer answer{head.status, bytes.substr(head_size)};
  const std::string_view length = head.headers.get(http::HeaderId::kContentLength);
  if (!length.empty() && config::parse_integer(length) != answer.body.size()) {
    return failed(Errc::kClosed, "the answer was cut");
  }
  return answer;
}

Result<AdminAnswer> attempt(const SocketAddress& to, const std::string& bytes,
                            Clock::time_point deadline) {
  Connection connection(deadline);
  if (Status opened = connection.open(to); !opened) return std::unexpected(opened.error());
  if (Status sent = connection.write(bytes); !sent) return std::unexpected(sent.error());
  const Result<std::string> all = connection.read();
  if (!all) return std::unexpected(all.error());
  return parse(*all);
}

}  // namespace

std::expected<AdminAddress, std::string> parse_admin_address(std::string_view text) {
  AdminAddress address{.text = std::string(text)};
  if (text.starts_with("unix:/")) {
    address.socket = text.substr(5);
    return address;
  }
  if (!text.contains("://")) {
    const std::optional<Authority> authority = parse_authority(text);
    if (!authority || !authority->port) {
      return std::unexpected(
          "not where a proxy answers; write http://HOST:PORT, HOST:PORT or unix:/PATH");
    }
    address.host = authority->host;
    address.port = *authority->port;
    address.text = "http://" + address.text;
    return address;
  }
  const auto url = config::parse_url(text);
  if (!url) return std::unexpected(url.error().message);
  if (url->tls) return std::unexpected("https, and the admin port speaks plain HTTP only");
  address.host = url->host;
  address.port = url->port;
  address.base_path = url->base_path;
  return address;
}

Result<AdminAnswer> ask_admin(const AdminAddress& address, const AdminRequest& request,
                              const Secret& token, Duration timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  const auto places = resolve(address);
  if (!places) return std::unexpected(places.error());
  const std::string bytes = message(address, request, token);
  Result<AdminAnswer> answer = failed(Errc::kResolve, "the name has no address");
  for (const SocketAddress& place : *places) {
    answer = attempt(place, bytes, deadline);
    // Only what was not sent at all may go elsewhere.
    if (answer || answer.error().code != Errc::kConnect) break;
  }
  return answer;
}

}  // namespace outrigger::cli
