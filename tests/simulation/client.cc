#include "tests/simulation/client.h"

#include <algorithm>

namespace outrigger::simulation {

using filters::Exchange;

namespace {

// Leaves when its patience is over.
class Leaving final : private Timer {
 public:
  Leaving(Dispatcher& loop, CancelScope& scope, Visit& visit, Duration after)
      : loop_(loop), scope_(scope), visit_(visit) {
    loop.arm(*this, after);
  }

 private:
  void on_fire() override {
    visit_.left = loop_.now();
    scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  }
  Dispatcher& loop_;
  CancelScope& scope_;
  Visit& visit_;
};

// A request's body that comes in pieces.
class PacedRequest final : public http::BodySource {
 public:
  PacedRequest(Dispatcher& loop, std::string_view text, Duration between) noexcept
      : loop_(loop), rest_(text), between_(between) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    if (!rest_.empty()) CO_TRY(co_await SleepFor(loop_, scope, between_));
    const std::string_view piece = rest_.substr(0, 300);
    rest_.remove_prefix(piece.size());
    co_return Slice::copy(piece);
  }
  [[nodiscard]] bool ready() const noexcept override { return rest_.empty(); }

 private:
  Dispatcher& loop_;
  std::string_view rest_;
  Duration between_;
};

class NoInterim final : public http::ResponseSink {
 public:
  Task<Status> interim(http::ResponseHead, CancelScope&) override { co_return Status{}; }
  Task<http::Delivery> send(http::Response, CancelScope&) override { co_return http::Delivery{}; }
};

}  // namespace

Client::Client(Street& street, Visit& visit) : street_(street), visit_(visit) {
  Dice& dice = street.dice;
  const config::Route& own = street.upstream.routes.front();
  const bool routed = dice.chance(0.5);
  visit.policies = routed ? &own.policies : &street.upstream.policies;
  if (routed) visit.route = own.name;
  visit.method = dice.chance(0.8) ? http::Method::kPost : http::Method::kGet;
  visit.sent_key = dice.chance(0.5);
  visit.retry_of_client = dice.chance(0.1);
  arrives_ = dice.between(0ms, dice.pick<Duration>({1s, 60s, 10min}));
  patience_ = dice.chance(0.2) ? dice.between(1ms, 20s) : dice.between(10min, 60min);
  between_pieces_ = dice.pick<Duration>({0s, 10ms, 1s});
  pause_ = dice.pick<Duration>({0s, 0s, 100ms, 10s});
  if (dice.chance(0.15)) asked_ = dice.between(1s, 60s);
  if (dice.chance(0.1)) drops_ = 0.2;
  model_ = dice.pick({"small", "large"});
  credential_ = dice.pick({"", "Bearer a", "Bearer b"});
  if (visit.method == http::Method::kGet) return;
  visit.body = R"({"model":")" + model_ + R"(","pad":")";
  visit.body.append(dice.pick<std::uint64_t>({0, 50, 3000}), 'p') += "\"}";
}

http::Request Client::request() const {
  http::Request request;
  const bool posts = visit_.method == http::Method::kPost;
  request.head.method = visit_.method;
  request.head.method_text = posts ? "POST" : "GET";
  request.head.target = "/v1/chat/completions";
  http::Headers& headers = request.head.headers;
  if (posts) headers.add("content-type", "application/json");
  if (!credential_.empty()) headers.add("authorization", credential_);
  if (visit_.sent_key) headers.add("idempotency-key", "key-" + std::to_string(visit_.number));
  if (visit_.retry_of_client) headers.add("x-stainless-retry-count", "1");
  if (asked_) headers.add("x-stainless-timeout", std::to_string(*asked_ / 1s));
  if (between_pieces_ == Duration{0}) {
    request.body = http::Body(Slice::copy(visit_.body));
  } else if (posts) {
    request.body = http::Body(
        std::make_unique<PacedRequest>(street_.loop, visit_.body, between_pieces_), std::nullopt);
  }
  return request;
}

// What the filters before the simulated ones do.
void Client::prepare(Exchange& exchange) const {
  const std::string id = fmt::format("{:026}", visit_.number);
  std::copy_n(id.data(), sizeof exchange.id_text, exchange.id_text);
  exchange.started = street_.loop.now();
  exchange.routed.upstream = &street_.upstream;
  exchange.routed.policies = visit_.policies;
  exchange.when_concluded(visit_);
  std::optional<Duration> least = visit_.policies->deadline;
  if (asked_) {
    const Duration asked = std::chrono::floor<std::chrono::seconds>(*asked_);
    least = least ? std::min(*least, asked) : asked;
  }
  if (least) visit_.deadline = exchange.started + *least;
}

Task<void> Client::run(const filters::Chain& chain) {
  CancelScope scope;
  if (!co_await SleepFor(street_.loop, scope, arrives_)) co_return;
  const Leaving leaving(street_.loop, scope, visit_, patience_);
  http::ClientInfo who;
  who.certificate_subject = std::to_string(visit_.number);
  NoInterim sink;
  Exchange exchange(street_.loop, request(), sink, who, scope);
  prepare(exchange);
  street_.ledger.note("visit {} arrives at {}", visit_.number,
                      visit_.route.empty() ? "sim" : visit_.route);
  Result<http::Response> outcome = co_await chain.run(exchange);
  visit_.head_came = true;
  if (outcome) {
    co_await read(std::move(*outcome), scope);
  } else {
    end(End::kNoAnswer, &outcome.error());
  }
  for (const filters::Attempt& attempt : exchange.attempts) {
    visit_.attempts.push_back({attempt.stop, attempt.judged, attempt.verdict});
    street_.ledger.note("visit {} attempt: {} {}", visit_.number, to_string(attempt.verdict),
                        attempt.stop);
  }
}

Task<void> Client::read(http::Response response, CancelScope& scope) {
  visit_.status = response.head.status;
  const http::Field* of = response.head.headers.find("x-call");
  if (of != nullptr) visit_.answer_of = of->value;
  for (;;) {
    const std::optional<std::uint64_t> length = response.body.length();
    if (length && visit_.got.size() >= *length) co_return end(End::kClean);
    if (pause_ > Duration{0} && !co_await SleepFor(street_.loop, scope, pause_)) {
      co_return end(End::kDropped);
    }
    if (street_.dice.chance(drops_)) co_return end(End::kDropped);
    Result<Slice> bytes = co_await response.body.read(scope);
    if (!bytes) co_return end(End::kCut, &bytes.error());
    if (bytes->empty()) co_return end(End::kClean);
    visit_.got += bytes->view();
  }
}

void Client::end(End how, const Error* error) {
  ++visit_.ends;
  visit_.end = how;
  if (error != nullptr) {
    visit_.reason = error->reason;
    visit_.code = error->code;
  }
  street_.ledger.note("visit {} ends: {} {} {} {} bytes", visit_.number, static_cast<int>(how),
                      visit_.status, visit_.reason, visit_.got.size());
}

}  // namespace outrigger::simulation
