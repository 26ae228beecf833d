#include "proxy/runtime/file_thread.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/runtime/event_loop.h"

namespace outrigger {
namespace {

TEST(FileThread, DoesItsWorkElsewhereInOrderAndTellsTheLoop) {
  EventLoop loop;
  FileThread files;
  const std::thread::id here = std::this_thread::get_id();
  std::vector<int> order;
  int told = 0;
  for (int i = 0; i < 100; ++i) {
    files.run(
        loop,
        [&order, i, here] {
          EXPECT_NE(std::this_thread::get_id(), here);
          order.push_back(i);
        },
        [&told, i, here] {
          EXPECT_EQ(std::this_thread::get_id(), here);
          EXPECT_EQ(told++, i);
        });
  }
  while (told < 100) loop.run_once();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(FileThread, FinishesWhatItWasGivenAndTakesNothingAfterItsStop) {
  EventLoop loop;
  FileThread files;
  std::atomic<int> done = 0;
  for (int i = 0; i < 50; ++i) files.run(loop, [&] { ++done; }, {});
  files.stop();
  EXPECT_EQ(done, 50);
  files.run(loop, [&] { ++done; }, {});
  files.stop();
  EXPECT_EQ(done, 50);
}

}  // namespace
}  // namespace outrigger
