#include "proxy/runtime/task_group.h"

#include <exception>
#include <functional>
#include <utility>

namespace outrigger {

struct TaskGroup::Root {
  TaskGroup& group;
  Task<void> body;
  Root* next = nullptr;
  Root** slot = nullptr;
};

TaskGroup::TaskGroup(Dispatcher& loop) noexcept
    : loop_(loop), self_(std::make_shared<TaskGroup*>(this)) {}

TaskGroup::~TaskGroup() {
  *self_ = nullptr;
  while (running_ != nullptr) {
    Root* root = running_;
    running_ = root->next;
    if (running_ != nullptr) running_->slot = &running_;
    delete root;
  }
  while (finished_ != nullptr) delete std::exchange(finished_, finished_->next);
}

Task<void> TaskGroup::run(Task<void> task, Root& root) {
  try {
    co_await std::move(task);
  } catch (...) {
    std::terminate();
  }
  root.group.finished(root);
}

void TaskGroup::spawn(Task<void> task) {
  auto* root = new Root{*this, {}, running_, &running_};
  if (running_ != nullptr) running_->slot = &root->next;
  running_ = root;
  ++size_;
  root->body = run(std::move(task), *root);
  root->body.handle().resume();
}

void TaskGroup::finished(Root& root) {
  *root.slot = root.next;
  if (root.next != nullptr) root.next->slot = root.slot;
  const bool first = finished_ == nullptr;
  root.next = finished_;
  finished_ = &root;
  if (!first) return;
  loop_.defer([self = self_] {
    if (*self != nullptr) (*self)->sweep();
  });
}

void TaskGroup::sweep() {
  Root* done = std::exchange(finished_, nullptr);
  // A frame may own, through its parameters, whatever holds this group.
  const std::shared_ptr<TaskGroup*> self = self_;
  while (done != nullptr) {
    Root* root = std::exchange(done, done->next);
    if (*self != nullptr) --size_;
    delete root;
  }
  if (*self == nullptr || size_ != 0 || !on_empty_) return;
  const std::function<void()> callback = on_empty_;  // it may destroy the group
  callback();
}

}  // namespace outrigger
