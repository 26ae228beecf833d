// A body that is sent piece by piece as its plan says, and ends as it says. One worker thread.
#pragma once

#include <functional>
#include <vector>

#include "proxy/http/body.h"
#include "proxy/mock/plan.h"
#include "proxy/runtime/dispatcher.h"

namespace outrigger::mock {

class StagedBody final : public http::BodySource {
 public:
  // `abort` makes the connection end with RST; called at End::kAbort.
  StagedBody(Dispatcher& loop, std::vector<Piece> pieces, End end, std::function<void()> abort)
      : loop_(loop), pieces_(std::move(pieces)), end_(end), abort_(std::move(abort)) {}

  Task<Result<Slice>> read(CancelScope& scope) override;
  // Never, so that every piece is a write of its own.
  [[nodiscard]] bool ready() const noexcept override { return false; }

 private:
  Dispatcher& loop_;
  std::vector<Piece> pieces_;
  std::size_t next_ = 0;
  End end_;
  std::function<void()> abort_;
};

}  // namespace outrigger::mock
