#include "tests/support/name_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace outrigger::test {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint16_t kPort = 53;

// Another one for each process, so that tests may run side by side.
std::string own_address() {
  const auto pid = static_cast<unsigned>(::getpid());
  return fmt::format("127.53.{}.{}", pid / 250 % 250 + 1, pid % 250 + 1);
}

Socket bind_udp(const std::string& address) {
  Socket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(kPort);
  ::inet_pton(AF_INET, address.c_str(), &where.sin_addr);
  if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    give_up("cannot bind {}:{}: {}", address, kPort, std::strerror(errno));
  }
  return socket;
}

}  // namespace

NameServer::NameServer(std::string ipv4)
    : address_(own_address()), socket_(bind_udp(address_)), ipv4_(std::move(ipv4)) {
  thread_ = std::thread([this] { serve(); });
}

NameServer::~NameServer() {
  socket_.shut_down();
  thread_.join();
}

void NameServer::set(std::string ipv4) {
  const std::lock_guard lock(mutex_);
  ipv4_ = std::move(ipv4);
}

void NameServer::serve() {
  for (;;) {
    std::array<char, 1500> query{};
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    auto* raw = reinterpret_cast<sockaddr*>(&peer);
    const ssize_t got = ::recvfrom(socket_.fd(), query.data(), query.size(), 0, raw, &size);
    if (got < static_cast<ssize_t>(kHeader) || size == 0) return;  // shut down
    const std::string reply = answer({query.data(), static_cast<std::size_t>(got)});
    (void)::sendto(socket_.fd(), reply.data(), reply.size(), 0, raw, size);
  }
}

// RFC 1035 4.1: the question again, and for an A record the address.
std::string NameServer::answer(std::string_view query) const {
  std::size_t end = kHeader;
  while (end < query.size() && query[end] != 0) end += 1U + static_cast<unsigned char>(query[end]);
  const bool is_a = end + 2 < query.size() && query[end + 2] == 1;
  const std::string_view question = query.substr(kHeader, end + 5 - kHeader);
  const std::lock_guard lock(mutex_);
  const bool known = is_a && !ipv4_.empty();
  std::string reply(query.substr(0, 2));
  reply += std::string("\x81\x80\0\1\0", 5) + (known ? '\1' : '\0') + std::string(4, '\0');
  reply += question;
  if (!known) return reply;
  in_addr address{};
  ::inet_pton(AF_INET, ipv4_.c_str(), &address);
  reply += std::string("\xc0\x0c\0\1\0\1\0\0\0\0\0\4", 12);
  reply.append(reinterpret_cast<const char*>(&address), sizeof address);
  return reply;
}

}  // namespace outrigger::test
