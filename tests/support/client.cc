#include "tests/support/client.h"

#include <algorithm>

#include "tests/support/client_calls.h"

namespace outrigger::test {

struct Client::H1State {
  explicit H1State(Channel& channel) : reader(channel) {}
  H1Reader reader;
};

std::string Call::read_until(std::string_view mark) {
  std::string bytes = std::exchange(surplus_, {});
  std::size_t end = 0;
  while ((end = bytes.find(mark)) == std::string::npos) {
    const std::string piece = read_some();
    if (piece.empty()) give_up("the body ended before '{}': '{}'", mark, bytes);
    bytes += piece;
  }
  surplus_ = bytes.substr(end + mark.size());
  bytes.resize(end + mark.size());
  return bytes;
}

std::string Call::read_exactly(std::size_t size) {
  std::string bytes = std::exchange(surplus_, {});
  while (bytes.size() < size) {
    const std::string piece = read_some();
    if (piece.empty()) give_up("the body ended after {} of {} bytes", bytes.size(), size);
    bytes += piece;
  }
  surplus_ = bytes.substr(size);
  bytes.resize(size);
  return bytes;
}

Channel connect_channel(std::uint16_t port, const ClientOptions& options) {
  Socket socket = Socket::connect(port, options.connect);
  if (!options.tls) return Channel(std::move(socket));
  const std::string alpn = options.http == Http::k2 ? "h2" : "http/1.1";
  Channel channel =
      Channel::tls_client(std::move(socket), {options.files, alpn, options.server_name});
  if (channel.alpn() != alpn) give_up("ALPN chose '{}', not '{}'", channel.alpn(), alpn);
  return channel;
}

Client::Client(std::uint16_t port, ClientOptions options) : options_(std::move(options)) {
  Channel channel = connect_channel(port, options_);
  if (options_.http == Http::k2) {
    h2_ = std::make_unique<H2Peer>(std::move(channel), H2Peer::Role::kClient, options_.h2);
  } else {
    channel_ = std::make_unique<Channel>(std::move(channel));
    h1_ = std::make_unique<H1State>(*channel_);
  }
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

Response Client::fetch(const Request& request, Deadline deadline) {
  return begin(request)->read_all(deadline);
}

std::unique_ptr<Call> Client::start(const Request& head) {
  if (h2_ != nullptr) return start_h2_call(*h2_, head, options_.tls, BodyFollows::kYes);
  return start_h1_call(*channel_, h1_->reader, head, BodyFollows::kYes);
}

std::unique_ptr<Call> Client::begin(const Request& request) {
  if (h2_ != nullptr) return start_h2_call(*h2_, request, options_.tls, BodyFollows::kNo);
  return start_h1_call(*channel_, h1_->reader, request, BodyFollows::kNo);
}

void Client::send_raw(std::string_view bytes) {
  channel_->write(bytes);
}

std::unique_ptr<Call> Client::await_answer(std::string_view to_method) {
  return await_h1_answer(*channel_, h1_->reader, to_method);
}

bool Client::closed_by_peer(Deadline deadline) {
  return h2_ != nullptr ? h2_->wait_closed(deadline) : channel_->wait_for_end(deadline);
}

void Client::half_close() {
  channel_->half_close();
}

void Client::reset() {
  if (h2_ != nullptr) {
    h2_->abort();
  } else {
    channel_->reset();
  }
}

}  // namespace outrigger::test
