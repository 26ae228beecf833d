#include "proxy/http/h2_link.h"

#include <utility>

namespace outrigger::http {
namespace {

constexpr std::size_t kBatchBytes = 256 * 1024;  // gathered for one write

}  // namespace

H2Link::H2Link(Stream& stream, H2Session& session, H2LinkOwner& owner,
               std::optional<Duration> write_stall)
    : stream_(stream),
      session_(session),
      owner_(owner),
      write_stall_(write_stall),
      guard_(new Guard{this, false}),
      last_read_(stream.event_loop().now()) {
  session_.observe(this);
}

H2Link::~H2Link() {
  session_.observe(nullptr);
  if (gone_ != nullptr) *gone_ = true;
  guard_->link = nullptr;
  if (!guard_->pending) delete guard_;  // else the scheduled turn does it
}

void H2Link::schedule() {
  if (std::exchange(guard_->pending, true)) return;
  stream_.event_loop().at_batch_end([guard = guard_] {
    guard->pending = false;
    if (guard->link == nullptr) {
      delete guard;
    } else {
      guard->link->turn();
    }
  });
}

// False when that destroyed the link.
bool H2Link::wake(const H2StreamPtr& stream, const bool& gone) {
  stream->in_ready = false;
  owner_.on_stream(stream);
  if (gone) return false;
  if (stream->readable.waiting()) stream->readable.notify();
  if (gone) return false;
  if (stream->writable.waiting()) stream->writable.notify();
  return !gone;
}

void H2Link::turn() {
  bool gone = false;
  gone_ = &gone;
  // On the stack, for waking may destroy the link; the memory is kept from turn to turn.
  std::vector<H2StreamPtr> waking = std::move(waking_);
  while (!session_.ready().empty()) {
    waking.swap(session_.ready());
    for (const H2StreamPtr& stream : waking) {
      if (!wake(stream, gone)) return;
    }
    waking.clear();
  }
  waking_ = std::move(waking);
  owner_.on_turn();
  if (gone) return;
  // The writer first: what it cannot send at once must be copied out of the read block by settle().
  if (write_turn_.waiting() && (session_.wants_write() || session_.finished()))
    write_turn_.notify();
  if (gone) return;
  session_.settle();
  if (read_turn_.waiting()) read_turn_.notify();
  if (!gone) gone_ = nullptr;
}

Task<Status> H2Link::read_loop(Slice bytes, CancelScope& scope) {
  for (;;) {
    if (!bytes.empty()) {
      last_read_ = stream_.event_loop().now();
      Status fed = session_.feed(bytes, last_read_);
      bytes = {};
      schedule();
      if (!fed) co_return fed;
      // Nothing more is read before all that came was acted upon.
      do {
        CO_TRY(co_await read_turn_.wait(scope));
        if (session_.finished()) co_return Status{};
      } while (!owner_.may_read());
    }
    CO_TRY(bytes, co_await stream_.read(scope));
    if (bytes.empty()) co_return Status{};
  }
}

Task<Status> H2Link::write_loop(CancelScope& scope) {
  for (;;) {
    Status gathered = session_.gather(output_, kBatchBytes, stream_.event_loop().now());
    if (output_.empty()) {
      if (!gathered) co_return gathered;
      if (session_.finished()) co_return Status{};
      CO_TRY(co_await write_turn_.wait(scope));
      continue;
    }
    for (const H2StreamPtr& stream : session_.sent_streams()) {
      if (!stream->head_sent) stream->written_before = stream_.bytes_written();
    }
    Status written = co_await stream_.write(output_.pieces(), scope, write_stall_);
    output_.clear();
    if (!written) co_return written;
    session_.written();
  }
}

}  // namespace outrigger::http
