#include "filters/idempotency/stored_body.h"

#include <algorithm>
#include <utility>

namespace outrigger::filters {
namespace {

// One reading and who waits for it.
struct Reading {
  Signal done;  // of the loop
  Result<std::string> bytes;
};

}  // namespace

StoredBody::StoredBody(Dispatcher& loop, FileRunner& files, const Ledger& ledger,
                       const StoredAnswer& answer, std::shared_ptr<BlobLease> lease,
                       std::uint64_t from)
    : loop_(loop),
      files_(files),
      ledger_(ledger),
      blob_(answer.blob),
      chunks_(answer.chunks()),
      next_(static_cast<std::uint32_t>(
          std::min<std::uint64_t>(from / StoredAnswer::kChunk, answer.chunks()))),
      skip_(static_cast<std::size_t>(from % StoredAnswer::kChunk)),
      lease_(std::move(lease)) {
  if (chunks_ == 0) {
    text_ = Slice::copy(
        std::string_view(answer.body).substr(std::min<std::size_t>(from, answer.body.size())));
  }
  for (const StoredField& field : answer.trailers) trailers_.add(field.name, field.value);
}

Task<Result<Slice>> StoredBody::read(CancelScope& scope) {
  if (next_ == chunks_) co_return std::exchange(text_, {});
  const auto reading = std::make_shared<Reading>();
  files_.run(
      loop_,
      [reading, &ledger = ledger_, blob = blob_, number = next_, lease = lease_] {
        reading->bytes = ledger.read_chunk(blob, number);
      },
      [reading] { reading->done.notify(); });
  CO_TRY(co_await reading->done.wait(scope));
  if (!reading->bytes) {
    Error error = std::move(reading->bytes).error();
    error.phase = Phase::kCommitted;
    co_return std::unexpected(std::move(error));
  }
  ++next_;
  const std::size_t skipped = std::min(std::exchange(skip_, 0), reading->bytes->size());
  co_return Slice::copy(std::string_view(*reading->bytes).substr(skipped));
}

}  // namespace outrigger::filters
