// A stored answer's body, with its trailers: read from the store chunk by chunk as its client takes
// it, where it is long. The reading blocks, so it is the file thread's.
#pragma once

#include <memory>

#include "filters/idempotency/ledger.h"
#include "proxy/http/body.h"
#include "proxy/http/headers.h"
#include "proxy/runtime/file_thread.h"

namespace outrigger::filters {

class StoredBody final : public http::BodySource {
 public:
  // `lease` keeps the chunks; the others outlive the body.
  StoredBody(Dispatcher& loop, FileRunner& files, const Ledger& ledger, const StoredAnswer& answer,
             std::shared_ptr<BlobLease> lease, std::uint64_t from = 0);
  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override { return !text_.empty() || next_ == chunks_; }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return trailers_.empty() ? nullptr : &trailers_;
  }

 private:
  Dispatcher& loop_;
  FileRunner& files_;
  const Ledger& ledger_;
  const std::string blob_;
  const std::uint32_t chunks_;
  Slice text_;  // of one without chunks
  http::Headers trailers_;
  std::uint32_t next_;
  std::size_t skip_;  // of the next chunk
  std::shared_ptr<BlobLease> lease_;
};

}  // namespace outrigger::filters
