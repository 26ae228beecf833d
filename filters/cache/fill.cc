#include "filters/cache/fill.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace outrigger::filters {
namespace {

// The leader's client has left, or its own time is over: nothing that says anything of the answer.
bool is_of_leader(const Error& error) noexcept {
  return error.origin == Origin::kClient || error.code == Errc::kCancelled ||
         error.reason == "deadline_exceeded";
}

std::vector<StoredField> fields_of(const http::Headers* trailers) {
  std::vector<StoredField> fields;
  if (trailers == nullptr) return fields;
  for (const http::Field& field : *trailers) {
    fields.push_back({std::string(field.name), std::string(field.value)});
  }
  return fields;
}

}  // namespace

Fill::Fill(const Setup& setup, Exchange& client, Detached::Coding coding,
           std::shared_ptr<Flight> flight, std::unique_ptr<AnswerKeeper> keeper)
    : setup_(setup),
      flight_(std::move(flight)),
      keeper_(std::move(keeper)),
      work_(client, setup.worker, coding, flight_->recording),
      exchange_(work_.exchange),
      orphan_(setup.policies.on_client_gone, setup.orphans, work_, *flight_->recording) {
  exchange_.stale = keeper_->stale();
}

Fill::~Fill() {
  if (!over_) give_up({Errc::kCancelled, Origin::kProxy, Phase::kNoConnection, "stopping", {}});
}

void Fill::start(TaskGroup& group, Next next) {
  flight_->recording->on_unread([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr && !self->over_) self->orphan_.left(self->bytes_);
  });
  group.spawn(run(shared_from_this(), next));
}

// An exception is a bug that costs this fill.
Task<void> Fill::run(std::shared_ptr<Fill> self, Next next) {
  try {
    co_await self->execute(next);
  } catch (const std::exception& bug) {
    self->give_up({Errc::kInternal, Origin::kProxy, Phase::kNoConnection, "proxy_internal_error",
                   bug.what()});
  }
}

Task<void> Fill::execute(Next next) {
  Result<http::Response> outcome = co_await next(exchange_);
  if (outcome && outcome->tunnel != nullptr) {
    outcome = fail(Errc::kProtocol, Origin::kUpstream, "http_upgrade_failed",
                   "an upgrade that was not asked for");
  }
  if (!outcome) co_return give_up(std::move(outcome).error());
  Recording& recording = *flight_->recording;
  const bool may_keep = keeper_->begin(exchange_, *outcome, *flight_) == AnswerKeeper::Take::kBody;
  keeps_ = may_keep && outcome->body.length().value_or(0) <= setup_.policies.cache->max_answer;
  flight_->degraded = exchange_.degraded;
  if (flight_->share == Flight::Share::kNobody) land();
  const Slice* const whole = outcome->body.whole();
  const bool comes = flight_->entry == nullptr && whole == nullptr;
  if (flight_->entry == nullptr && whole != nullptr) take_whole(whole->view());
  recording.begin(stored_head(*outcome));
  if (comes) {
    const Result<Slice> last = co_await copy(outcome->body);
    if (!last) co_return give_up(last.error());
    if (keeps_) store();
    recording.append(last->view());
  }
  over_ = true;
  land();
  recording.finish(fields_of(outcome->body.trailers()));
}

// All of it is there: who waits gets it from where it lies.
void Fill::take_whole(std::string_view bytes) {
  bytes_ = bytes.size();
  auto kept = keeps_ ? (keeper_->see(bytes, 0), keeper_->finish(exchange_)) : std::nullopt;
  CacheEntry entry;
  if (kept) entry = std::move(kept->entry);
  while (!bytes.empty()) {
    entry.body.emplace_back(bytes.substr(0, CacheEntry::kPiece));
    bytes.remove_prefix(entry.body.back().size());
  }
  flight_->body = std::make_shared<const CacheEntry>(std::move(entry));
  if (kept && !flight_->outdated.load(std::memory_order_acquire)) {
    setup_.shared.put(kept->key, flight_->body);
  }
}

// Bytes pass as they come, but for those with which a client would know the answer to be whole:
// they are returned, so that the entry is there before.
Task<Result<Slice>> Fill::copy(http::Body& body) {
  Recording& recording = *flight_->recording;
  const std::optional<std::uint64_t> length = body.length();
  Slice last;
  for (;;) {
    if (bytes_ > setup_.policies.cache->max_answer) {
      CO_TRY(co_await recording.wait_for_room(work_.scope));
    }
    CO_TRY(const Slice bytes, co_await body.read(work_.scope));
    if (bytes.empty()) co_return last;
    if (keeps_) keep(bytes.view());
    const bool was_short = bytes_ <= setup_.policies.cache->max_answer;
    bytes_ += bytes.size();
    if (keeps_ && length && bytes_ >= *length) {
      last = bytes;
      continue;
    }
    recording.append(bytes.view());
    if (was_short && bytes_ > setup_.policies.cache->max_answer) {
      keeps_ = false;
      body_.clear();
      land();
      recording.pass_on();
    }
  }
}

void Fill::keep(std::string_view bytes) {
  keeper_->see(bytes, bytes_);
  while (!bytes.empty()) {
    if (body_.empty() || body_.back().size() == CacheEntry::kPiece) body_.emplace_back();
    std::string& last = body_.back();
    const std::size_t room = CacheEntry::kPiece - last.size();
    last.append(bytes.substr(0, room));
    bytes.remove_prefix(std::min(room, bytes.size()));
  }
}

// Before anybody sees the end: who has seen it and asks again finds it here.
void Fill::store() {
  auto kept = keeper_->finish(exchange_);
  if (!kept || flight_->outdated.load(std::memory_order_acquire)) return;
  if (!body_.empty()) body_.back().shrink_to_fit();
  kept->entry.body = std::move(body_);
  setup_.shared.put(kept->key, std::make_shared<const CacheEntry>(std::move(kept->entry)));
}

void Fill::land() {
  setup_.shared.flights.land(setup_.key, *flight_);
  if (flight_->also) setup_.shared.flights.land(*flight_->also, *flight_);
}

// No answer, or half of one.
void Fill::give_up(Error error) {
  over_ = true;
  flight_->for_leader_only = is_of_leader(error);
  flight_->retry_after = exchange_.retry_after;
  land();
  flight_->recording->fail(std::move(error));
}

}  // namespace outrigger::filters
