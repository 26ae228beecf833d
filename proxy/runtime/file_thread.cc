#include "proxy/runtime/file_thread.h"

#include <utility>

namespace outrigger {

FileThread::FileThread() : thread_([this] { serve(); }) {}

FileThread::~FileThread() {
  stop();
}

void FileThread::run(Dispatcher& loop, std::function<void()> work, std::function<void()> done) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    jobs_.push_back({&loop, std::move(work), std::move(done)});
  }
  wake_.notify_one();
}

void FileThread::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void FileThread::serve() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job.work();
    if (job.done) job.loop->post(std::move(job.done));
  }
}

}  // namespace outrigger
