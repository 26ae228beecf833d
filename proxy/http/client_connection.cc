#include "proxy/http/client_connection.h"

#include <string>
#include <utility>

namespace outrigger::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 3.4

}  // namespace

ClientConnection::ClientConnection(EventLoop& loop, Fd fd, const SocketAddress& peer,
                                   const ServerSettings& settings, TlsServerContext* tls,
                                   ExchangeHandler& handler)
    : stream_(loop, std::move(fd), Origin::kClient),
      settings_(settings),
      tls_(tls),
      handler_(handler) {
  client_.address = peer;
}

void ClientConnection::drain() {
  draining_ = true;
  if (h1_ != nullptr) h1_->drain();
  if (h2_ != nullptr) h2_->drain();
  if (idle_ != nullptr && !stream_.input_waiting())
    idle_->cancel({Errc::kCancelled, Origin::kProxy, "draining"});
}

Task<Status> ClientConnection::run(CancelScope& scope) {
  if (tls_ != nullptr) CO_TRY(co_await secure(scope));
  const Protocol protocol = co_await pick(scope);
  if (protocol == Protocol::kHttp1) {
    h1_ = std::make_unique<H1Server>(stream_, settings_, handler_, client_);
    if (draining_) h1_->drain();
    co_await h1_->run(std::exchange(first_, {}), scope);
  } else if (protocol == Protocol::kHttp2) {
    h2_ = std::make_unique<H2Server>(stream_, settings_, handler_, client_);
    if (draining_) h2_->drain();
    co_await h2_->run(std::exchange(first_, {}), scope);
  }
  co_return Status{};
}

Task<Status> ClientConnection::secure(CancelScope& outer) {
  CancelScope scope(outer);
  DeadlineTimer patience(stream_.event_loop(), scope);
  patience.start(settings_.tls_time, {Errc::kTimeout, Origin::kClient, "tls_handshake_timeout"});
  CO_TRY(co_await stream_.handshake(tls_->accept(), scope));
  client_.tls = true;
  client_.tls_version = stream_.tls()->version();
  client_.certificate_subject = stream_.tls()->peer_subject();
  co_return Status{};
}

// A plain connection speaks HTTP/2 when it begins with the whole preface (prior knowledge, RFC
// 9113 3.3).
Task<ClientConnection::Protocol> ClientConnection::pick(CancelScope& outer) {
  if (stream_.tls() != nullptr && stream_.tls()->alpn() == "h2") co_return Protocol::kHttp2;
  CancelScope scope(outer);
  while (first_.size() < kPreface.size() && kPreface.starts_with(first_.view())) {
    if (draining_ && first_.empty()) co_return Protocol::kNone;
    idle_ = first_.empty() ? &scope : nullptr;
    const Duration patience = first_.empty() ? settings_.first_request_idle : settings_.head_time;
    Result<Slice> more = co_await stream_.read(scope, patience);
    idle_ = nullptr;
    if (!more || more->empty()) co_return Protocol::kNone;
    first_ = first_.empty() ? std::move(*more)
                            : Slice::copy(std::string(first_.view()).append(more->view()));
  }
  co_return first_.view().starts_with(kPreface) ? Protocol::kHttp2 : Protocol::kHttp1;
}

}  // namespace outrigger::http
