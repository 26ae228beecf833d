#include "proxy/base/bytes.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace outrigger {
namespace {

class Bytes : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(Block::live(), 0u);
    Block::trim();
  }
};

std::string joined(const SliceQueue& queue) {
  std::string text;
  for (const Slice& slice : queue) text += slice.view();
  return text;
}

TEST_F(Bytes, BlockHoldsAtLeastWhatWasAskedFor) {
  for (const std::size_t asked : {0u, 1u, 255u, 256u, 257u, 4096u, 65536u, 65537u, 1u << 20}) {
    Block* block = Block::make(asked);
    EXPECT_GE(block->capacity(), asked);
    std::memset(block->data(), 'x', block->capacity());
    block->unref();
  }
}

TEST_F(Bytes, BlockLivesUntilItsLastReferenceGoes) {
  Block* block = Block::make(100);
  EXPECT_FALSE(block->shared());
  block->ref();
  EXPECT_TRUE(block->shared());
  block->unref();
  EXPECT_EQ(Block::live(), 1u);
  block->unref();
  EXPECT_EQ(Block::live(), 0u);
}

TEST_F(Bytes, FreedBlocksOfOneSizeAreUsedAgainAndKeptInBounds) {
  constexpr int kMany = 3000;  // more than a free list keeps
  std::vector<Block*> blocks;
  for (int i = 0; i < kMany; ++i) blocks.push_back(Block::make(200));
  EXPECT_EQ(Block::live(), static_cast<std::size_t>(kMany));
  for (Block* block : blocks) block->unref();
  for (int i = 0; i < kMany; ++i) Block::make(200)->unref();
}

TEST_F(Bytes, SliceOutlivesTheSliceItWasCutFrom) {
  Slice part;
  {
    const Slice whole = Slice::copy("GET /v1/models");
    part = whole.sub(whole.view().substr(4));
    EXPECT_TRUE(whole.block()->shared());
  }
  EXPECT_EQ(part.view(), "/v1/models");
  EXPECT_FALSE(part.block()->shared());
}

TEST_F(Bytes, CopiesMovesAndSelfAssignmentCountReferencesRight) {
  Slice a = Slice::copy("abc");
  Slice b = a;
  Slice c = std::move(a);
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(a.block(), nullptr);
  Slice& alias = b;
  b = alias;
  c = std::move(b);
  EXPECT_EQ(c.view(), "abc");
  EXPECT_FALSE(c.block()->shared());
}

TEST_F(Bytes, LiteralOwnsNothing) {
  const Slice slice = Slice::literal("0\r\n\r\n");
  EXPECT_EQ(slice.block(), nullptr);
  EXPECT_EQ(slice.sub(slice.view().substr(1)).view(), "\r\n\r\n");
  EXPECT_EQ(slice.compact().data(), slice.data());
}

TEST_F(Bytes, CutsAtBothEnds) {
  Slice slice = Slice::copy("0123456789");
  slice.remove_prefix(3);
  slice.truncate(4);
  EXPECT_EQ(slice.view(), "3456");
  slice.truncate(100);
  EXPECT_EQ(slice.size(), 4u);
}

TEST_F(Bytes, CompactCopiesOnlyWhenItFreesALargeBlock) {
  const Slice whole = Slice::copy(std::string(60000, 'x'));
  const Slice tail = whole.sub(whole.view().substr(59990));
  EXPECT_EQ(whole.compact().block(), whole.block());
  const Slice small = tail.compact();
  EXPECT_NE(small.block(), whole.block());
  EXPECT_LE(small.block()->capacity(), 256u);
  EXPECT_EQ(small.view(), tail.view());
}

TEST_F(Bytes, ABlockTooLargeForItsHeaderIsRefusedNotCutShort) {
  EXPECT_THROW((void)Block::make((std::size_t{1} << 32) + 1), std::bad_alloc);
}

TEST_F(Bytes, QueueIgnoresEmptySlices) {
  SliceQueue queue;
  queue.push({});
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.size(), 0u);
}

// The queue against a plain string, over random pushes, pops and consumptions.
TEST_F(Bytes, QueueBehavesAsAByteString) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    SliceQueue queue;
    std::string model;
    for (int step = 0; step < 2000; ++step) {
      const unsigned what = random() % 10;
      if (what < 5) {
        const std::string bytes(random() % 40, static_cast<char>('a' + random() % 26));
        queue.push(Slice::copy(bytes));
        model += bytes;
      } else if (what < 7 && !queue.empty()) {
        const Slice first = queue.pop();
        ASSERT_EQ(first.view(), model.substr(0, first.size()));
        model.erase(0, first.size());
      } else if (what < 9) {
        const std::size_t n = model.empty() ? 0 : random() % (model.size() + 1);
        queue.consume(n);
        model.erase(0, n);
      } else if (random() % 50 == 0) {
        queue.clear();
        model.clear();
      }
      ASSERT_EQ(queue.bytes(), model.size());
      ASSERT_EQ(queue.empty(), model.empty());
    }
    EXPECT_EQ(joined(queue), model);
  }
}

TEST_F(Bytes, EmptiedQueueGivesItsRoomBack) {
  SliceQueue queue;
  for (int i = 0; i < 5000; ++i) queue.push(Slice::literal("x"));
  while (!queue.empty()) (void)queue.pop();
  EXPECT_LE(queue.capacity(), SliceQueue::kKept);
}

TEST_F(Bytes, QueueLetsGoOfABlockAsSoonAsItsBytesAreConsumed) {
  SliceQueue queue;
  queue.push(Slice::copy("one"));
  queue.push(Slice::copy("two"));
  EXPECT_EQ(Block::live(), 2u);
  queue.consume(3);
  EXPECT_EQ(Block::live(), 1u);
  EXPECT_EQ(queue.front().view(), "two");
  queue.clear();
  EXPECT_EQ(Block::live(), 0u);
}

}  // namespace
}  // namespace outrigger
