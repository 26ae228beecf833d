// Cancellation as a value. Scopes nest (worker > connection > exchange > attempt); the first reason
// wins; every leaf await returns it as an Error. Each suspended leaf links one hook. One worker
// thread.
#pragma once

#include <coroutine>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/base/result.h"

namespace outrigger {

// Why a scope was cancelled: what the awaiting code returns as its error.
struct CancelReason {
  Errc code = Errc::kCancelled;
  Origin origin = Origin::kProxy;
  std::string_view reason = "cancelled";  // a literal

  [[nodiscard]] Error error() const {
    return Error{code, origin, Phase::kNoConnection, reason, {}};
  }
};

// What a scope calls once when it is cancelled. Unlinks itself when destroyed.
class CancelHook {
 public:
  CancelHook() = default;
  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;
  virtual void on_cancel(const CancelReason& why) = 0;

 protected:
  ~CancelHook() { unlink(); }
  void unlink() noexcept {
    if (next_ == nullptr) return;
    next_->prev_ = prev_;
    prev_->next_ = next_;
    next_ = prev_ = nullptr;
  }

 private:
  friend class CancelScope;
  CancelHook* next_ = nullptr;
  CancelHook* prev_ = nullptr;
};

class CancelScope final : private CancelHook {
 public:
  CancelScope() noexcept { head_.next_ = head_.prev_ = &head_; }
  // Nested: cancelled with its parent. A scope born under a cancelled parent is cancelled.
  explicit CancelScope(CancelScope& parent) noexcept : CancelScope() {
    why_ = parent.why_;
    if (!why_) parent.link(*this);
  }

  void link(CancelHook& hook) noexcept {
    hook.next_ = &head_;
    hook.prev_ = head_.prev_;
    head_.prev_->next_ = &hook;
    head_.prev_ = &hook;
  }
  [[nodiscard]] const std::optional<CancelReason>& why() const noexcept { return why_; }
  [[nodiscard]] bool cancelled() const noexcept { return why_.has_value(); }
  // Calls every hook once, as its last use of this scope: a hook may destroy the scope.
  void cancel(CancelReason why);

 private:
  struct Ring final : CancelHook {
    void on_cancel(const CancelReason&) override {}
    ~Ring() = default;
    friend class CancelScope;
  };
  void on_cancel(const CancelReason& why) override { cancel(why); }
  Ring head_;
  std::optional<CancelReason> why_;
};

// The awaiter that every leaf is built on: suspended until wake() or the scope's cancellation. Its
// owner calls wake() as its last act (architecture 5.9).
class Parked : protected CancelHook {
 public:
  explicit Parked(CancelScope& scope) noexcept : scope_(scope) {}
  [[nodiscard]] bool await_ready() noexcept {
    if (scope_.why()) why_ = scope_.why();
    return woken_ || why_.has_value();
  }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    scope_.link(*this);
  }
  [[nodiscard]] Status await_resume() const {
    if (why_ && !woken_) return std::unexpected(why_->error());
    return {};
  }

 protected:
  ~Parked() = default;
  void wake() {
    woken_ = true;
    unlink();
    if (handle_) std::exchange(handle_, {}).resume();
  }
  void on_cancel(const CancelReason& why) override {
    why_ = why;
    if (handle_) std::exchange(handle_, {}).resume();
  }

 private:
  CancelScope& scope_;
  std::coroutine_handle<> handle_;
  std::optional<CancelReason> why_;
  bool woken_ = false;
};

// A place where one coroutine waits for a notification from plain code. notify() before wait() is
// kept.
class Signal {
 public:
  // Resumes the waiter, or lets the next wait() return at once. Must be the caller's last act.
  void notify();
  [[nodiscard]] bool waiting() const noexcept { return waiter_ != nullptr; }

  class Waiter final : public Parked {
   public:
    Waiter(Signal& signal, CancelScope& scope) noexcept : Parked(scope), signal_(signal) {
      if (std::exchange(signal.pending_, false)) {
        wake();
      } else {
        signal.waiter_ = this;
      }
    }
    ~Waiter() {
      if (signal_.waiter_ == this) signal_.waiter_ = nullptr;
    }

   private:
    friend class Signal;
    Signal& signal_;
  };
  // One waiter at a time: `CO_TRY(co_await signal.wait(scope))`.
  [[nodiscard]] Waiter wait(CancelScope& scope) noexcept { return {*this, scope}; }

 private:
  Waiter* waiter_ = nullptr;
  bool pending_ = false;
};

}  // namespace outrigger
