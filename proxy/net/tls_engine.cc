#include "proxy/net/tls_engine.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/net/tls_error.h"

namespace outrigger {
namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
// What a record adds to its plaintext: header, content type, nonce, tag, at most.
constexpr std::size_t kRecordOverhead = 64;

}  // namespace

// The BIO that joins OpenSSL to the engine: reads from the ingested slice, writes to the output
// block.
struct TlsBio {
  static int read(BIO* bio, char* into, std::size_t size, std::size_t* done) {
    auto& engine = *static_cast<TlsEngine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *done = std::min(size, engine.input_.size());
    if (*done == 0) {
      if (engine.eof_) return 0;
      BIO_set_retry_read(bio);
      return -1;
    }
    std::memcpy(into, engine.input_.data(), *done);
    engine.input_.remove_prefix(*done);
    if (engine.input_.empty()) engine.input_ = {};
    return 1;
  }

  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* done) {
    BIO_clear_retry_flags(bio);
    static_cast<TlsEngine*>(BIO_get_data(bio))->append_output({from, size});
    *done = size;
    return 1;
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) {
      const auto& engine = *static_cast<TlsEngine*>(BIO_get_data(bio));
      return engine.eof_ && engine.input_.empty() ? 1 : 0;
    }
    return 0;
  }

  // A constant table of functions, made once.
  static const BIO_METHOD* method() {
    static const BIO_METHOD* const table = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "outrigger");
      BIO_meth_set_read_ex(made, &TlsBio::read);
      BIO_meth_set_write_ex(made, &TlsBio::write);
      BIO_meth_set_ctrl(made, &TlsBio::control);
      return made;
    }();
    return table;
  }
};

void TlsEngine::SslFree::operator()(SSL* ssl) const noexcept {
  SSL_free(ssl);
}

TlsEngine::TlsEngine(SSL* ssl, Role role, Origin peer, std::shared_ptr<void> context,
                     std::string expected_name)
    : context_(std::move(context)),
      ssl_(ssl),
      peer_(peer),
      expected_name_(std::move(expected_name)) {
  BIO* bio = BIO_new(TlsBio::method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, this);
  if (role == Role::kServer) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
  }
}

TlsEngine::~TlsEngine() {
  // OpenSSL takes a connection without a shutdown for broken, and drops its session: ours may be
  // resumed.
  if (state_ == State::kOpen)
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  ssl_.reset();
  if (output_ != nullptr) output_->unref();
}

TlsEngine& TlsEngine::of(const SSL* ssl) noexcept {
  return *static_cast<TlsEngine*>(SSL_get_app_data(ssl));
}

std::unexpected<Error> TlsEngine::broken() {
  if (failure_ == nullptr) {
    failure_ = std::make_unique<Error>(tls_error(ssl_.get(), peer_, expected_name_));
    input_ = {};
    state_ = State::kClosed;
  }
  return std::unexpected(*failure_);
}

Status TlsEngine::ingest(Slice ciphertext) {
  if (failure_ != nullptr) return broken();
  if (input_.empty()) {
    input_ = std::move(ciphertext);
  } else if (!ciphertext.empty()) {
    std::string joined(input_.view());
    joined += ciphertext.view();
    input_ = Slice::copy(joined);
  }
  return state_ == State::kHandshaking ? handshake() : Status{};
}

Status TlsEngine::handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) {
    state_ = State::kOpen;
    return {};
  }
  if (SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ) return {};
  return broken();
}

// After a read that brought nothing: more is needed, the peer has closed, or the connection is
// broken.
void TlsEngine::note_read_end() {
  const int error = SSL_get_error(ssl_.get(), 0);
  if (error == SSL_ERROR_WANT_READ) return;
  if (error != SSL_ERROR_ZERO_RETURN) {
    (void)broken();
    return;
  }
  peer_closed_ = true;
  state_ = State::kClosed;
  input_ = {};
}

Result<std::size_t> TlsEngine::decrypt(std::span<char> into) {
  std::size_t total = 0;
  while (failure_ == nullptr && !peer_closed_ && total < into.size()) {
    ERR_clear_error();
    std::size_t n = 0;
    if (SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &n) != 1) {
      note_read_end();
      break;
    }
    total += n;
  }
  // What came before a failure is good; the next call reports the failure.
  if (total == 0 && failure_ != nullptr) return broken();
  return total;
}

void TlsEngine::settle() {
  if (failure_ != nullptr || peer_closed_ || state_ == State::kHandshaking) return;
  ERR_clear_error();
  char byte = 0;
  std::size_t n = 0;
  if (SSL_peek_ex(ssl_.get(), &byte, 1, &n) != 1) note_read_end();
}

bool TlsEngine::pending() const noexcept {
  return failure_ != nullptr || !input_.empty() || SSL_pending(ssl_.get()) > 0;
}

std::size_t TlsEngine::pending_bytes() const noexcept {
  return input_.size() + (SSL_has_pending(ssl_.get()) != 0 ? kRecord : 0);
}

Status TlsEngine::encrypt_record(std::string_view plain) {
  ERR_clear_error();
  std::size_t written = 0;
  if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written) != 1) return broken();
  return {};
}

Status TlsEngine::encrypt(std::span<std::string_view> pieces) {
  if (failure_ != nullptr) return broken();
  std::size_t total = 0;
  for (std::string_view piece : pieces) total += piece.size();
  total = std::min(total, kOutputBytes);
  reserve_output(total + (total / kRecord + 2) * kRecordOverhead);

  Block* joined = nullptr;  // where small pieces gather until they fill a record
  std::size_t gathered = 0;
  Status status;
  const auto flush = [&] {
    if (gathered > 0) status = encrypt_record({joined->data(), std::exchange(gathered, 0)});
  };
  for (std::string_view& piece : pieces) {
    while (!piece.empty() && status && output().size() + gathered < kOutputBytes) {
      if (gathered == 0 && (piece.size() >= kRecord || &piece == &pieces.back())) {
        const std::string_view record = piece.substr(0, kRecord);
        piece.remove_prefix(record.size());
        status = encrypt_record(record);
        continue;
      }
      if (joined == nullptr) joined = Block::make(kRecord);
      const std::size_t n = piece.copy(joined->data() + gathered, kRecord - gathered);
      piece.remove_prefix(n);
      gathered += n;
      if (gathered == kRecord) flush();
    }
  }
  if (status) flush();
  if (joined != nullptr) joined->unref();
  return status;
}

Status TlsEngine::close() {
  if (failure_ != nullptr || close_sent_ || state_ == State::kHandshaking) return {};
  close_sent_ = true;
  ERR_clear_error();
  if (SSL_shutdown(ssl_.get()) < 0 && SSL_get_error(ssl_.get(), -1) == SSL_ERROR_SSL)
    return broken();
  return {};
}

std::string_view TlsEngine::output() const noexcept {
  if (output_ == nullptr) return {};
  return {output_->data() + output_begin_, output_end_ - output_begin_};
}

void TlsEngine::consume_output(std::size_t n) noexcept {
  output_begin_ += static_cast<std::uint32_t>(n);
  if (output_ == nullptr || output_begin_ < output_end_) return;
  std::exchange(output_, nullptr)->unref();
  output_begin_ = output_end_ = 0;
}

void TlsEngine::reserve_output(std::size_t bytes) {
  const std::size_t held = output().size();
  if (output_ != nullptr && output_end_ + bytes <= output_->capacity()) return;
  if (output_ == nullptr && bytes == 0) return;
  Block* larger = Block::make(std::max(held + bytes, held * 2));
  if (held > 0) std::memcpy(larger->data(), output().data(), held);
  if (output_ != nullptr) output_->unref();
  output_ = larger;
  output_begin_ = 0;
  output_end_ = static_cast<std::uint32_t>(held);
}

void TlsEngine::append_output(std::string_view bytes) {
  reserve_output(bytes.size());
  output_end_ +=
      static_cast<std::uint32_t>(bytes.copy(output_->data() + output_end_, bytes.size()));
}

std::string_view TlsEngine::alpn() const noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string_view TlsEngine::version() const noexcept {
  return SSL_get_version(ssl_.get());
}

std::string_view TlsEngine::sni() const noexcept {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string_view{} : std::string_view(name);
}

std::string TlsEngine::peer_subject() const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr || SSL_get_verify_mode(ssl_.get()) == SSL_VERIFY_NONE) return {};
  if (SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

bool TlsEngine::resumed() const noexcept {
  return SSL_session_reused(ssl_.get()) == 1;
}

}  // namespace outrigger
