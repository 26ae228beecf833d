#include "proxy/http/websocket.h"

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

TEST(WebSocket, AnswersAKeyAsTheStandardsExampleDoes) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 1.3
}

TEST(WebSocket, MakesAKeyOf16BytesThatIsNewEachTime) {
  const std::string key = websocket_key();
  EXPECT_EQ(key.size(), 24u);
  EXPECT_TRUE(key.ends_with("=="));
  EXPECT_NE(key, websocket_key());
}

}  // namespace
}  // namespace outrigger::http
