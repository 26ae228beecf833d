#include "filters/intake/replay_body.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace outrigger::filters {

// The part on disk. Shared with the operations under way, which outlive a reader that is cancelled.
struct ReplayBody::Spill {
  explicit Spill(OpenScratch open) : file(std::move(open)) {}
  ScratchFile file;         // file thread
  std::uint64_t bytes = 0;  // loop, as is the next
  bool failed = false;
};

namespace {

// One operation of the file thread and who waits for it.
struct Operation {
  Signal done;  // loop
  Result<std::string> outcome;
};

}  // namespace

ReplayBody::ReplayBody(Dispatcher& loop, const ReplayContext& context,
                       std::unique_ptr<http::BodySource> inner, Most most,
                       std::optional<std::uint64_t> length) noexcept
    : loop_(loop), context_(context), inner_(std::move(inner)), most_(most), length_(length) {}

ReplayBody::~ReplayBody() {
  drop();
}

Task<Result<Slice>> ReplayBody::read(CancelScope& scope) {
  touched_ = true;
  if (at_ < kept_ || keeping_ || ended_) return read_on(scope);
  return inner_->read(scope);
}

bool ReplayBody::ready() const noexcept {
  if (at_ < kept_) return next_ < memory_.size();
  if (ended_) return true;
  const bool in_memory = spill_ == nullptr && memory_bytes_ + kReadBack <= kInMemory;
  return inner_ != nullptr && inner_->ready() && (!keeping_ || in_memory);
}

Task<Result<Slice>> ReplayBody::read_on(CancelScope& scope) {
  if (next_ < memory_.size()) co_return next_in_memory();
  if (at_ < kept_) co_return co_await read_back(scope);
  if (ended_) co_return Slice{};
  Result<Slice> bytes = co_await inner_->read(scope);
  if (!bytes) co_return bytes;
  ended_ = bytes->empty();
  CO_TRY(co_await keep(*bytes, scope));
  co_return bytes;
}

Slice ReplayBody::next_in_memory() {
  Slice bytes = memory_[next_++];
  at_ += bytes.size();
  if (!keeping_ && at_ == kept_) drop();
  return bytes;
}

Task<Result<Slice>> ReplayBody::read_back(CancelScope& scope) {
  const std::uint64_t offset = at_ - memory_bytes_;
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kReadBack, kept_ - at_));
  const auto operation = std::make_shared<Operation>();
  context_.files.run(
      loop_,
      [operation, spill = spill_, offset, size] {
        operation->outcome = spill->file.read(offset, size);
      },
      [operation] { operation->done.notify(); });
  CO_TRY(co_await operation->done.wait(scope));
  CO_TRY(const std::string bytes, std::move(operation->outcome));
  at_ += bytes.size();
  if (!keeping_ && at_ == kept_) drop();
  co_return Slice::copy(bytes);
}

// The bytes count as kept at once: whoever reads them back stands in line behind their writing.
Task<Status> ReplayBody::keep(const Slice& bytes, CancelScope& scope) {
  const std::uint64_t size = bytes.size();
  if (!keeping_ || size == 0) co_return Status{};
  if (kept_ + size > most_.bytes) {
    give_up(most_.why);
    co_return Status{};
  }
  const bool fits = spill_ == nullptr && memory_bytes_ + size <= kInMemory;
  if (fits && context_.memory.take_memory(size)) {
    push(bytes);
    at_ = kept_;
    next_ = memory_.size();
    co_return Status{};
  }
  if (!context_.memory.take_disk(size)) {
    give_up("replay_memory_full");
    co_return Status{};
  }
  if (spill_ == nullptr) spill_ = std::make_shared<Spill>(context_.open);
  spill_->bytes += size;
  at_ = kept_ += size;
  const auto operation = std::make_shared<Operation>();
  context_.files.run(
      loop_,
      [operation, spill = spill_, copy = std::string(bytes.view())] {
        if (Status status = spill->file.append(copy); !status) {
          operation->outcome = std::unexpected(std::move(status).error());
        }
      },
      [operation, spill = spill_] {
        if (!operation->outcome) spill->failed = true;
        operation->done.notify();
      });
  CO_TRY(co_await operation->done.wait(scope));
  if (!operation->outcome) give_up("replay_storage");
  co_return Status{};
}

void ReplayBody::push(const Slice& bytes) {
  memory_.push_back(bytes.compact());
  memory_bytes_ += bytes.size();
  kept_ += bytes.size();
}

Task<Status> ReplayBody::read_ahead(std::size_t bytes, CancelScope& scope) {
  while (!ended_ && kept_ < bytes) {
    CO_TRY(const Slice more, co_await inner_->read(scope));
    ended_ = more.empty();
    if (ended_) break;
    context_.memory.force_memory(more.size());
    push(more);
  }
  if (kept_ > most_.bytes) give_up(most_.why);
  co_return Status{};
}

Task<Status> ReplayBody::read_all(std::function<void(std::string_view)> look, CancelScope& scope) {
  assert(inner_ != nullptr);
  for (const Slice& slice : memory_) look(slice.view());
  while (!ended_) {
    CO_TRY(const Slice more, co_await inner_->read(scope));
    ended_ = more.empty();
    if (ended_) break;
    look(more.view());
    CO_TRY(co_await keep(more, scope));
    if (!keeping_) break;
  }
  if (!keeping_) {
    co_return fail(Errc::kTooLarge, Origin::kClient, "idempotency_body_too_large",
                   "a request with a key is read whole before it is sent, and this one is longer "
                   "than can be kept (" +
                       std::string(why_not()) + ")");
  }
  if (const http::Headers* trailers = inner_->trailers()) trailers_ = *trailers;
  inner_.reset();
  rewind();
  co_return Status{};
}

std::string ReplayBody::prefix(std::size_t most) const {
  std::string out;
  for (const Slice& slice : memory_) {
    if (out.size() >= most) break;
    out += slice.view().substr(0, most - out.size());
  }
  return out;
}

bool ReplayBody::can_rewind() const noexcept {
  return !touched_ || (keeping_ && (spill_ == nullptr || !spill_->failed));
}

std::string_view ReplayBody::why_not() const noexcept {
  if (can_rewind()) return {};
  return why_not_.empty() ? "replay_storage" : why_not_;
}

void ReplayBody::give_up(std::string_view why) noexcept {
  if (!std::exchange(keeping_, false)) return;
  why_not_ = why;
  if (at_ == kept_) drop();
}

// Closing a file that was deleted may take its time: that, too, is for the file thread.
void ReplayBody::drop() noexcept {
  memory_.clear();
  next_ = 0;
  context_.memory.give_memory(std::exchange(memory_bytes_, 0));
  at_ = kept_ = 0;
  if (spill_ == nullptr) return;
  context_.memory.give_disk(spill_->bytes);
  context_.files.run(loop_, [spill = std::exchange(spill_, nullptr)] {}, {});
}

}  // namespace outrigger::filters
