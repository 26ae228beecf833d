#include "filters/sign/sign.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "filters/intake/replay_body.h"
#include "filters/sign/sigv4.h"
#include "proxy/upstream/endpoint.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kDate = "x-amz-date";
constexpr std::string_view kToken = "x-amz-security-token";
constexpr std::string_view kContentHash = "x-amz-content-sha256";

bool is_amz(std::string_view name) noexcept {
  return name.size() > 6 && http::equals_ignore_case(name.substr(0, 6), "x-amz-");
}

// Takes the signature off when the attempt is over: the next one has its own.
class Signature {
 public:
  explicit Signature(http::Headers& headers) noexcept : headers_(headers) {}
  Signature(const Signature&) = delete;
  Signature& operator=(const Signature&) = delete;
  ~Signature() {
    headers_.remove(http::HeaderId::kAuthorization);
    for (const std::string_view name : {kDate, kToken, kContentHash}) headers_.remove(name);
  }

 private:
  http::Headers& headers_;
};

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

std::unexpected<Error> not_kept(const ReplayBody* replay) {
  const bool storage = replay != nullptr && replay->why_not() == "replay_storage";
  if (storage) {
    return fail(Errc::kSystem, Origin::kProxy, "replay_storage",
                "the body could not be kept, which signing it needs");
  }
  return fail(Errc::kTooLarge, Origin::kProxy, "body_too_large",
              "the body is longer than retry.buffer or than there is room for; it must be read "
              "whole before it can be signed");
}

}  // namespace

Sign::Sign(const config::Upstream& upstream, const config::Policies& policies, WallClock clock)
    : policy_(*policies.credentials),
      host_(upstream::authority_of(upstream.endpoints.front())),
      s3_(policy_.aws->service == "s3"),
      clock_(clock) {}

Task<Result<http::Response>> Sign::handle(Exchange& exchange, Next next) {
  http::Headers& headers = exchange.request.head.headers;
  // The client's own, which it keeps (credentials.keep_client).
  if (headers.find(http::HeaderId::kAuthorization) != nullptr) co_return co_await next(exchange);
  CO_TRY(const std::string payload, co_await hash_of_body(exchange));
  const Signature signature(headers);
  put_signature(exchange, payload);
  co_return co_await next(exchange);
}

Task<Result<std::string>> Sign::hash_of_body(Exchange& exchange) const {
  if (const Slice* whole = exchange.request.body.whole()) co_return sha256_hex(whole->view());
  if (s3_) co_return std::string(kUnsignedPayload);
  ReplayBody* replay = exchange.replay;
  if (replay == nullptr) co_return not_kept(replay);
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> digest(EVP_MD_CTX_new());
  EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
  for (;;) {
    CO_TRY(const Slice bytes, co_await exchange.request.body.read(*exchange.scope));
    if (bytes.empty()) break;
    EVP_DigestUpdate(digest.get(), bytes.data(), bytes.size());
    if (!replay->can_rewind()) co_return not_kept(replay);
  }
  replay->rewind();
  std::string hash(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_DigestFinal_ex(digest.get(), reinterpret_cast<unsigned char*>(hash.data()), &size);
  co_return to_hex(std::string_view(hash).substr(0, size));
}

void Sign::put_signature(Exchange& exchange, const std::string& payload) {
  http::RequestHead& head = exchange.request.head;
  http::Headers& headers = head.headers;
  const config::AwsSigning& aws = *policy_.aws;
  const std::string date = amz_date(clock_.micros(exchange.loop.fresh_now()));
  headers.set(kDate, date);
  if (!aws.session_token.empty()) {
    headers.remove(kToken);
    headers.add_view(http::HeaderId::kOther, kToken, aws.session_token.reveal());
  }
  if (s3_) headers.set(kContentHash, payload);
  SignedRequest request{head.method_text, head.target, {{"host", host_}}, payload};
  std::vector<std::string> names;
  names.reserve(headers.size());  // views of these go into the request
  for (const http::Field& field : headers) {
    if (!is_amz(field.name)) continue;
    std::string& name = names.emplace_back(field.name);
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
    request.fields.push_back({name, field.value});
  }
  const SigningScope scope{aws.access_key.reveal(), aws.secret_key.reveal(), aws.region,
                           aws.service};
  headers.set("authorization", sign_v4(request, scope, date));
}

}  // namespace outrigger::filters
