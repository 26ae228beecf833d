#include "filters/recording/recording.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "proxy/http/headers.h"

namespace outrigger::filters {
namespace {

// Most answers are short, and many are recorded at the same time.
constexpr std::size_t kFirstChunkBytes = 4096;

// From what runs on one loop to another, or back to itself without a trip through the kernel.
void hand_over(const Dispatcher& from, Dispatcher& to, std::function<void()> work) {
  if (&from == &to) {
    to.defer(std::move(work));
  } else {
    to.post(std::move(work));
  }
}

}  // namespace

// A reader's place. It has one owner; it is shared only so that a wake-up can see that it is gone.
class Recording::Seat : public std::enable_shared_from_this<Seat> {
 public:
  Seat(std::shared_ptr<Recording> of, Dispatcher& on) noexcept
      : recording(std::move(of)), loop(on) {
    recording->enter(*this);
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() { recording->leave(*this); }

  const std::shared_ptr<Recording> recording;
  Dispatcher& loop;
  Signal called;  // on that loop: look again
  // Under the recording's lock.
  bool waiting = false;  // among those that are woken
  bool late = false;     // what it would begin with may be gone
  std::uint64_t at = 0;  // the byte that it takes next: from there on all stays
};

class Recording::SeatBody final : public http::BodySource {
 public:
  SeatBody(std::shared_ptr<Seat> seat, std::uint64_t from) noexcept
      : seat_(std::move(seat)), offset_(from) {}

  Task<Result<Slice>> read(CancelScope& scope) override {
    for (;;) {
      if (scope.why()) co_return std::unexpected(scope.why()->error());
      const std::optional<std::string_view> piece = seat_->recording->look(offset_, *seat_);
      if (piece && piece->empty()) co_return end();
      if (piece) {
        offset_ += piece->size();
        co_return Slice::copy(*piece);
      }
      CO_TRY(co_await seat_->called.wait(scope));
    }
  }
  [[nodiscard]] bool ready() const noexcept override { return seat_->recording->ready(offset_); }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return trailers_.empty() ? nullptr : &trailers_;
  }

 private:
  Result<Slice> end() {
    const Recording& recording = *seat_->recording;
    if (recording.error_) return std::unexpected(*recording.error_);
    trailers_.clear();
    for (const StoredField& field : recording.trailers_) trailers_.add(field.name, field.value);
    return Slice{};
  }

  std::shared_ptr<Seat> seat_;
  std::uint64_t offset_;
  http::Headers trailers_;
};

void Recording::interim(StoredHead head) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kOpen) return;
  interims_.push_back(std::move(head));
  wake_all();
}

void Recording::begin(StoredHead head) {
  assert(state_ == State::kOpen);
  const std::lock_guard lock(mutex_);
  head_ = std::move(head);
  state_ = State::kRunning;
  wake_all();
}

void Recording::append(std::string_view bytes) {
  assert(state_ == State::kRunning);
  if (bytes.empty()) return;
  // No reader looks behind bytes_: the copy needs no lock.
  std::uint64_t offset = bytes_;
  while (!bytes.empty()) {
    const std::span<char> to = room(offset);
    const std::string_view part = bytes.substr(0, to.size());
    std::memcpy(to.data(), part.data(), part.size());
    offset += part.size();
    bytes.remove_prefix(part.size());
  }
  const std::lock_guard lock(mutex_);
  bytes_ = offset;
  wake_all();
  if (passing_) drop_taken();
}

void Recording::pass_on() {
  const std::lock_guard lock(mutex_);
  passing_ = true;
  drop_taken();
}

Task<Status> Recording::wait_for_room(CancelScope& scope) {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (has_room()) co_return Status{};
      wants_room_ = true;
    }
    CO_TRY(co_await room_.wait(scope));
  }
}

void Recording::finish(std::vector<StoredField> trailers) {
  assert(state_ == State::kRunning);
  end(State::kWhole, std::nullopt, std::move(trailers));
}

void Recording::fail(Error error) {
  if (ended()) return;
  end(State::kBroken, std::move(error), {});
}

void Recording::end(State state, std::optional<Error> error, std::vector<StoredField> trailers) {
  std::shared_ptr<const std::function<void()>> unread;  // goes outside the lock
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
  trailers_ = std::move(trailers);
  state_ = state;
  unread.swap(unread_);
  wake_all();
}

void Recording::on_unread(std::function<void()> callback) {
  auto unread = std::make_shared<const std::function<void()>>(std::move(callback));
  const std::lock_guard lock(mutex_);
  if (!ended()) unread_.swap(unread);
}

std::uint64_t Recording::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t Recording::readers() const {
  const std::lock_guard lock(mutex_);
  return seats_.size();
}

std::string_view Recording::at(std::uint64_t offset) const {
  const std::lock_guard lock(mutex_);
  return find(offset);
}

std::string Recording::copy(std::uint64_t offset, std::size_t most) const {
  std::string out;
  while (out.size() < most) {
    const std::string_view piece = at(offset + out.size()).substr(0, most - out.size());
    if (piece.empty()) break;
    out += piece;
  }
  return out;
}

std::span<char> Recording::room(std::uint64_t offset) {
  if (chunks_.empty() || offset == chunks_.back().begin + chunks_.back().capacity) {
    const std::size_t capacity = next_capacity(offset);
    Chunk chunk{offset, capacity, std::make_unique_for_overwrite<char[]>(capacity)};
    const std::lock_guard lock(mutex_);
    chunks_.push_back(std::move(chunk));
  }
  const Chunk& last = chunks_.back();
  return std::span(last.bytes.get(), last.capacity).subspan(offset - last.begin);
}

// What is still to come where that is known, else twice as much as the last time.
std::size_t Recording::next_capacity(std::uint64_t offset) const noexcept {
  if (head_->length && *head_->length > offset) {
    return std::min<std::uint64_t>(*head_->length - offset, kChunkBytes);
  }
  if (chunks_.empty()) return kFirstChunkBytes;
  return std::clamp(chunks_.back().capacity * 2, kFirstChunkBytes, kChunkBytes);
}

void Recording::tell_unread() {
  std::shared_ptr<const std::function<void()>> call;  // which may end this recording
  {
    const std::lock_guard lock(mutex_);
    telling_ = false;
    if (seats_.empty()) call = unread_;
  }
  if (call != nullptr) (*call)();
}

void Recording::enter(Seat& seat) {
  const std::lock_guard lock(mutex_);
  seats_.push_back(&seat);
  seat.late = passing_;
}

void Recording::leave(Seat& seat) {
  const std::lock_guard lock(mutex_);
  if (seat.waiting) std::erase(waiting_, &seat);
  std::erase(seats_, &seat);
  tell_room(seat.loop, seat.recording);
  if (!seats_.empty() || unread_ == nullptr || telling_) return;
  telling_ = true;
  // Under the lock, where the writer cannot end meanwhile: its loop is there.
  hand_over(seat.loop, writer_, [weak = std::weak_ptr(seat.recording)] {
    if (const auto recording = weak.lock()) recording->tell_unread();
  });
}

bool Recording::look_for_head(Seat& seat) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kOpen) return true;
  enlist(seat);
  return false;
}

std::vector<StoredHead> Recording::interims_after(std::size_t seen) const {
  const std::lock_guard lock(mutex_);
  return {interims_.begin() + static_cast<std::ptrdiff_t>(seen), interims_.end()};
}

std::optional<std::string_view> Recording::look(std::uint64_t offset, Seat& seat) {
  const std::lock_guard lock(mutex_);
  seat.at = offset;
  tell_room(seat.loop, seat.recording);
  const std::string_view piece = find(offset);
  if (!piece.empty() || ended()) return piece;
  enlist(seat);
  return std::nullopt;
}

bool Recording::ready(std::uint64_t offset) const {
  const std::lock_guard lock(mutex_);
  return offset < bytes_ || ended();
}

std::string_view Recording::find(std::uint64_t offset) const noexcept {
  const bool there = offset < bytes_ && !chunks_.empty() && offset >= chunks_.front().begin;
  if (!there) return {};  // not yet, or not any more
  const auto after = std::ranges::upper_bound(chunks_, offset, {}, &Chunk::begin);
  const Chunk& chunk = *std::prev(after);
  const std::uint64_t filled = std::min<std::uint64_t>(chunk.capacity, bytes_ - chunk.begin);
  return std::string_view(chunk.bytes.get(), filled).substr(offset - chunk.begin);
}

// Where nobody reads, nobody is behind.
std::uint64_t Recording::slowest() const noexcept {
  std::uint64_t least = bytes_;
  for (const Seat* seat : seats_) {
    if (!seat->late) least = std::min(least, seat->at);
  }
  return least;
}

void Recording::drop_taken() {
  const std::uint64_t least = slowest();
  const auto stays = [&](const Chunk& chunk) { return chunk.begin + chunk.capacity > least; };
  chunks_.erase(chunks_.begin(), std::ranges::find_if(chunks_, stays));
}

// Under the lock, as in leave().
void Recording::tell_room(const Dispatcher& from, const std::shared_ptr<Recording>& self) {
  if (!wants_room_ || ended() || !has_room()) return;
  wants_room_ = false;
  hand_over(from, writer_, [weak = std::weak_ptr(self)] {
    if (const auto recording = weak.lock()) recording->room_.notify();
  });
}

void Recording::enlist(Seat& seat) {
  // Already there: its last wait was cancelled before anything came.
  if (std::exchange(seat.waiting, true)) return;
  waiting_.push_back(&seat);
}

// Under the lock, so that no seat, and no seat's loop, goes while it is called.
void Recording::wake_all() {
  for (Seat* seat : waiting_) {
    seat->waiting = false;
    hand_over(writer_, seat->loop, [weak = seat->weak_from_this()] {
      // Not kept: its owner is on this thread, and what is woken may let it go.
      Seat* there = weak.lock().get();
      if (there != nullptr) there->called.notify();
    });
  }
  waiting_.clear();
}

Recording::Reader::Reader(std::shared_ptr<Recording> recording, Dispatcher& loop)
    : seat_(std::make_shared<Seat>(std::move(recording), loop)) {}

Task<Result<StoredHead>> Recording::Reader::head(CancelScope& scope, http::ResponseSink& interims) {
  Recording& recording = *seat_->recording;
  for (std::size_t seen = 0;;) {
    const bool there = recording.look_for_head(*seat_);
    for (const StoredHead& interim : recording.interims_after(seen)) {
      ++seen;
      CO_TRY(co_await interims.interim(response_head(interim), scope));
    }
    if (there) break;
    CO_TRY(co_await seat_->called.wait(scope));
  }
  if (seat_->late) {
    co_return std::unexpected(Error{Errc::kOverload, Origin::kProxy, Phase::kNoConnection,
                                    "answer_gone", "it is longer than is kept"});
  }
  if (!recording.head_) co_return std::unexpected(*recording.error_);
  co_return *recording.head_;
}

std::unique_ptr<http::BodySource> Recording::Reader::body(std::uint64_t from) && {
  return std::make_unique<SeatBody>(std::move(seat_), from);
}

}  // namespace outrigger::filters
