// Owns root tasks of one worker or connection. A finished root is dropped by the loop, never by
// itself; destroying the group tears down what still runs. One worker thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "proxy/runtime/dispatcher.h"
#include "proxy/runtime/task.h"

namespace outrigger {

class TaskGroup {
 public:
  explicit TaskGroup(Dispatcher& loop) noexcept;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  // Starts the task at once, inside the caller. An exception that escapes it ends the process: it
  // is a bug that no caller can act on.
  void spawn(Task<void> task);
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  // Called from the loop each time the last task was dropped; may spawn, or destroy the group.
  void on_empty(std::function<void()> callback) { on_empty_ = std::move(callback); }

 private:
  struct Root;
  static Task<void> run(Task<void> task, Root& root);
  void finished(Root& root);
  void sweep();

  Dispatcher& loop_;
  Root* running_ = nullptr;
  Root* finished_ = nullptr;
  std::size_t size_ = 0;
  std::shared_ptr<TaskGroup*> self_;  // lets a deferred sweep see that the group is gone
  std::function<void()> on_empty_;
};

}  // namespace outrigger
