#include "tests/support/channel.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <vector>

namespace outrigger::test {
namespace {

struct ContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextFree>;

std::string openssl_reason() {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return text;
}

// "h2,http/1.1" as length-prefixed names (RFC 7301 3.1).
std::string alpn_wire(std::string_view names) {
  std::string wire;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    wire += static_cast<char>(name.size());
    wire += name;
    names.remove_prefix(std::min(names.size(), name.size() + 1));
  }
  return wire;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                unsigned int offered_size, void* settings) {
  const std::string wire = alpn_wire(static_cast<const TlsSettings*>(settings)->alpn);
  unsigned char* chosen = nullptr;
  static thread_local std::string kept;  // OpenSSL copies after the callback returned
  kept = wire;
  const int result =
      SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(kept.data()),
                            static_cast<unsigned>(kept.size()), offered, offered_size);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Context make_context(const TlsSettings& settings, bool server) {
  Context context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const TlsFiles& files = settings.files;
  if (!files.certificate.empty() &&
      (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1 ||
       SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)) {
    give_up("cannot load {} and {}: {}", files.certificate, files.key, openssl_reason());
  }
  if (!files.trusted_ca.empty()) {
    if (SSL_CTX_load_verify_locations(context.get(), files.trusted_ca.c_str(), nullptr) != 1) {
      give_up("cannot load {}: {}", files.trusted_ca, openssl_reason());
    }
    const int mode = SSL_VERIFY_PEER | (server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(context.get(), mode, nullptr);
  }
  if (server) {
    SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("t"), 1);
    if (!settings.alpn.empty()) {
      SSL_CTX_set_alpn_select_cb(context.get(), choose_alpn, const_cast<TlsSettings*>(&settings));
    }
  }
  return context;
}

void drive_handshake(SSL* ssl, int fd) {
  const Deadline deadline;
  for (;;) {
    const int done = SSL_do_handshake(ssl);
    if (done == 1) return;
    const int error = SSL_get_error(ssl, done);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      give_up("TLS handshake: {}", openssl_reason());
    }
    const Wait what = error == SSL_ERROR_WANT_READ ? Wait::kRead : Wait::kWrite;
    if (!wait_for(fd, what, deadline)) give_up("TLS handshake: no answer");
  }
}

}  // namespace

Channel Channel::handshake(Socket socket, const TlsSettings& settings, bool server) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  ERR_clear_error();
  const Context context = make_context(settings, server);
  Channel channel(std::move(socket));
  channel.ssl_.reset(SSL_new(context.get()));
  SSL* ssl = channel.ssl_.get();
  SSL_set_fd(ssl, channel.fd());
  if (server) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
    if (!settings.server_name.empty()) {
      SSL_set_tlsext_host_name(ssl, settings.server_name.c_str());
      SSL_set1_host(ssl, settings.server_name.c_str());
    }
    const std::string wire = alpn_wire(settings.alpn);
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  drive_handshake(ssl, channel.fd());
  return channel;
}

Channel Channel::tls_client(Socket socket, const TlsSettings& settings) {
  return handshake(std::move(socket), settings, false);
}

Channel Channel::tls_server(Socket socket, const TlsSettings& settings) {
  return handshake(std::move(socket), settings, true);
}

Channel::Status Channel::try_read(std::string& out) {
  thread_local std::vector<char> block(64 * 1024);
  if (ssl_ == nullptr) {
    const ssize_t got = ::recv(fd(), block.data(), block.size(), 0);
    if (got > 0) out.append(block.data(), static_cast<std::size_t>(got));
    if (got > 0) return Status::kDone;
    if (got == 0) return Status::kEnd;
    return errno == EAGAIN || errno == EINTR ? Status::kWouldBlock : Status::kReset;
  }
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), block.data(), static_cast<int>(block.size()));
  if (got > 0) out.append(block.data(), static_cast<std::size_t>(got));
  if (got > 0) return Status::kDone;
  switch (SSL_get_error(ssl_.get(), got)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Status::kWouldBlock;
    case SSL_ERROR_ZERO_RETURN:
      return Status::kEnd;
    default:
      return Status::kReset;  // also a FIN without close_notify: a truncation
  }
}

Channel::Status Channel::try_write(std::string_view& bytes) {
  if (bytes.empty()) return Status::kDone;
  if (ssl_ == nullptr) {
    const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? Status::kWouldBlock : Status::kReset;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
    return Status::kDone;
  }
  ERR_clear_error();
  const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20));
  const int sent = SSL_write(ssl_.get(), bytes.data(), size);
  if (sent > 0) {
    bytes.remove_prefix(static_cast<std::size_t>(sent));
    return Status::kDone;
  }
  const int error = SSL_get_error(ssl_.get(), sent);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Status::kWouldBlock
                                                                       : Status::kReset;
}

Channel::Status Channel::read(std::string& out, Deadline deadline) {
  for (;;) {
    const Status status = try_read(out);
    if (status != Status::kWouldBlock) return status;
    if (!wait_for(fd(), Wait::kRead, deadline)) return Status::kWouldBlock;
  }
}

bool Channel::write(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const Status status = try_write(bytes);
    if (status == Status::kReset) return false;
    if (status == Status::kWouldBlock && !wait_for(fd(), Wait::kWrite, deadline)) {
      give_up("the peer takes no more bytes: {} left", bytes.size());
    }
  }
  return true;
}

bool Channel::wait_for_end(Deadline deadline) {
  std::string dropped;
  for (;;) {
    const Status status = read(dropped, deadline);
    if (status == Status::kEnd || status == Status::kReset) return true;
    if (status == Status::kWouldBlock) return false;
    dropped.clear();
  }
}

void Channel::half_close() {
  if (ssl_ != nullptr) SSL_shutdown(ssl_.get());
  socket_.half_close();
}

void Channel::close() {
  if (ssl_ != nullptr && socket_.valid()) SSL_shutdown(ssl_.get());
  socket_.close();
}

std::string Channel::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  if (ssl_ != nullptr) SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace outrigger::test
