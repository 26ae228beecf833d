#include "proxy/cli/input.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace outrigger::cli {
namespace {

class Input : public ::testing::Test {
 protected:
  Input() { std::filesystem::create_directory(folder_); }
  ~Input() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& text) {
    std::ofstream(folder_ / "file", std::ios::binary) << text;
    return folder_ / "file";
  }
  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("input_" + std::to_string(::getpid()));
};

TEST_F(Input, IsAllOfAFile) {
  const std::string text = std::string(40'000, 'x') + '\0' + "\r\n";
  EXPECT_EQ(read_input(file(text)).value(), text);
  EXPECT_EQ(read_input(file("")).value(), "");
}

TEST_F(Input, OfMoreThanTheMostIsAnErrorAndNoPart) {
  EXPECT_TRUE(read_input(file("12345"), 5));
  const auto longer = read_input(file("123456"), 5);
  ASSERT_FALSE(longer);
  EXPECT_TRUE(longer.error().detail.str().ends_with("is longer than 5 bytes"));
}

TEST_F(Input, ThatIsNotThereIsAnErrorNotEmpty) {
  const auto missing = read_input(folder_ / "missing");
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().detail.str().starts_with("cannot read "));
  EXPECT_FALSE(read_input(folder_)) << "a folder is no file";
}

}  // namespace
}  // namespace outrigger::cli
