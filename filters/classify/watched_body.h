// The body of an answer that is judged as it passes, or was read in part or whole to be judged:
// what is held, then the rest. Its end is the attempt's. Bytes pass unchanged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "filters/classify/attempt_judge.h"
#include "proxy/base/bytes.h"
#include "proxy/http/body.h"

namespace outrigger::filters {

class WatchedBody final : public http::BodySource {
 public:
  enum class Ends : std::uint8_t { kPlain, kGrpc };

  WatchedBody(const AttemptJudge& judge, int status, http::Body body, Ends ends) noexcept
      : judge_(judge), status_(status), rest_(std::move(body)), ends_(ends) {}
  ~WatchedBody() override { judge_.abandon(); }

  enum class Held : std::uint8_t { kAll, kPart };
  // Reads ahead until the end, behind which its trailers are known, or until more than `bytes` are
  // held. An error is kept too: held bytes come before it.
  Task<Result<Held>> hold(std::uint64_t bytes, CancelScope& scope);
  [[nodiscard]] const SliceQueue& held() const noexcept { return held_; }
  // All of it in one buffer, when it is held to its end, ends without trailers and was judged for
  // good. Nothing is left of it then.
  [[nodiscard]] std::optional<Slice> take_whole();
  // Of the whole body, as its head tells it.
  [[nodiscard]] std::optional<std::uint64_t> length() const noexcept { return rest_.length(); }

  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override {
    return !held_.empty() || ended_ || failure_ || rest_.ready();
  }
  [[nodiscard]] const http::Headers* trailers() const noexcept override { return rest_.trailers(); }

 private:
  // A reader of a body of known length need not ask for its end.
  void passed(std::uint64_t bytes);
  void end();
  void end_grpc();

  AttemptJudge judge_;
  int status_;
  http::Body rest_;
  Ends ends_;
  SliceQueue held_;
  std::uint64_t passed_ = 0;  // to the reader
  bool ended_ = false;
  std::optional<Error> failure_;
};

}  // namespace outrigger::filters
