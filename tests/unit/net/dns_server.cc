#include "tests/unit/net/dns_server.h"

#include <array>

namespace outrigger::test {
namespace {

constexpr std::size_t kHeader = 12;

std::string big_endian(std::uint32_t value, int bytes) {
  std::string result;
  for (int i = bytes - 1; i >= 0; --i) result += static_cast<char>(value >> (8 * i));
  return result;
}

struct Question {
  std::string name;
  std::string type;
  std::size_t size = 0;
};

Question parse(std::string_view query) {
  Question question;
  std::size_t at = kHeader;
  while (at < query.size() && query[at] != 0) {
    const auto length = static_cast<unsigned char>(query[at]);
    if (!question.name.empty()) question.name += '.';
    question.name += query.substr(at + 1, length);
    at += 1U + length;
  }
  question.type = query[at + 2] == 28 ? "AAAA" : "A";
  question.size = at + 5 - kHeader;
  return question;
}

std::string header(std::string_view query, int flags, std::size_t answers) {
  return std::string(query.substr(0, 2)) + big_endian(static_cast<std::uint32_t>(flags), 2) +
         big_endian(1, 2) + big_endian(static_cast<std::uint32_t>(answers), 2) + big_endian(0, 4);
}

}  // namespace

DnsServer::DnsServer(EventLoop& loop)
    : FdWatch(loop),
      udp_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      connections_(loop) {
  const Fd listening = *bind_listener(*SocketAddress::parse("127.0.0.1", 0), ReusePort::kNo);
  address_ = local_address(listening);
  EXPECT_EQ(bind(udp_.get(), address_.raw(), address_.size()), 0);
  watch(udp_.get(), Mode::kLevelRead);
  tcp_ = std::make_unique<Listener>(
      loop, Fd(dup(listening.get())), [this, &loop](Fd fd, const SocketAddress&) {
        connections_.spawn(serve(std::make_shared<Stream>(loop, std::move(fd), Origin::kClient)));
      });
}

void DnsServer::on_ready(Ready) {
  std::array<char, 1500> query{};
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  auto* raw = reinterpret_cast<sockaddr*>(&peer);
  const ssize_t n = recvfrom(udp_.get(), query.data(), query.size(), 0, raw, &size);
  if (n <= 0) return;
  const std::string reply = answer({query.data(), static_cast<std::size_t>(n)}, Transport::kUdp);
  if (!reply.empty()) (void)sendto(udp_.get(), reply.data(), reply.size(), 0, raw, size);
}

std::string DnsServer::answer(std::string_view query, Transport transport) {
  const Question question = parse(query);
  const std::string key = question.name + "/" + question.type;
  seen.push_back(transport == Transport::kTcp ? key + "/tcp" : key);
  const auto found = scripts_.find(key);
  DnsScript script;
  script.kind = DnsScript::Kind::kNoSuchName;
  if (found != scripts_.end()) script = found->second;
  const std::string_view echoed = query.substr(kHeader, question.size);
  constexpr int kResponse = 0x8180;
  if (script.truncate_udp && transport == Transport::kUdp) {
    return header(query, kResponse | 0x0200, 0).append(echoed);
  }
  switch (script.kind) {
    case DnsScript::Kind::kSilence:
      return {};
    case DnsScript::Kind::kNoSuchName:
      return header(query, kResponse | 3, 0).append(echoed);
    case DnsScript::Kind::kServerFailure:
      return header(query, kResponse | 2, 0).append(echoed);
    case DnsScript::Kind::kAnswer:
      break;
  }
  std::string answers;
  std::size_t count = 0;
  for (const DnsRecord& record : script.records) {
    const SocketAddress address = *SocketAddress::parse(record.address, 0);
    if ((address.family() == AF_INET6) != (question.type == "AAAA")) continue;
    ++count;
    answers += "\xc0\x0c" + big_endian(address.family() == AF_INET6 ? 28 : 1, 2) +
               big_endian(1, 2) + big_endian(record.ttl, 4) +
               big_endian(static_cast<std::uint32_t>(address.bytes().size()), 2) +
               std::string(address.bytes());
  }
  return header(query, kResponse, count).append(echoed).append(answers);
}

// RFC 1035 4.2.2: each message behind its length.
Task<void> DnsServer::serve(std::shared_ptr<Stream> stream) {
  std::string bytes;
  for (;;) {
    Result<Slice> piece = co_await stream->read(scope_);
    if (!piece || piece->empty()) co_return;
    bytes += piece->view();
    while (bytes.size() >= 2) {
      const std::size_t length =
          static_cast<unsigned char>(bytes[0]) * 256U + static_cast<unsigned char>(bytes[1]);
      if (bytes.size() < 2 + length) break;
      const std::string reply = answer(std::string_view(bytes).substr(2, length), Transport::kTcp);
      bytes.erase(0, 2 + length);
      const std::string framed = big_endian(static_cast<std::uint32_t>(reply.size()), 2) + reply;
      if (!reply.empty()) (void)co_await stream->write(framed, scope_);
    }
  }
}

}  // namespace outrigger::test
