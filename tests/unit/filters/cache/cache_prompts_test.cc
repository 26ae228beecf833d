// POST of prompts through the filter: who gets what, and what the upstream hears of it.
#include <gtest/gtest.h>

#include "tests/unit/filters/cache/cache_fixture.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kPath = "/v1/chat/completions";
const std::string kAsk = R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";
const std::string kAskStream =
    R"({"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]})";

Play answer(std::string_view text, std::string_view finish = "stop") {
  Play play;
  play.fields = {{"Content-Type", "application/json"}};
  play.pieces = {R"({"id":"c1","object":"chat.completion","choices":[{"index":0,"message":)"
                 R"({"role":"assistant","content":")" +
                 std::string(text) + R"("},"finish_reason":")" + std::string(finish) +
                 R"("}],"usage":{"prompt_tokens":7,"completion_tokens":3}})"};
  return play;
}

Play stream() {
  Play play;
  play.fields = {{"Content-Type", "text/event-stream"}};
  play.pieces = {
      "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":"
      "{\"role\":\"assistant\",\"content\":\"he\"},\"finish_reason\":null}]}\n\n",
      "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":"
      "{\"content\":\"llo\"},\"finish_reason\":null}]}\n\n",
      "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},"
      "\"finish_reason\":\"stop\"}]}\n\n",
      "data: [DONE]\n\n"};
  play.before_piece = 1s;
  return play;
}

class CachePrompts : public CacheTest {
 protected:
  CachePrompts() {
    policies_.replay = config::Replay::kSafe;
    policies_.dialect = config::Dialect::kOpenai;
    policies_.cache->ttl = 10min;
  }
  void play(Play play) { upstream().plays.push_back(std::move(play)); }
  Client& ask(std::string_view body, Fields fields = {}) {
    fields.emplace_back("Content-Type", "application/json");
    return send(http::Method::kPost, kPath, std::move(fields), body);
  }
};

TEST_F(CachePrompts, TheSamePromptIsPaidOnce) {
  play(answer("hello"));
  const Client& first = ask(kAsk);
  EXPECT_EQ(first.field("cache-status"), "outrigger; fwd=miss; fwd-status=200");
  loop_.advance(30s);
  const Client& again = ask(R"({ "messages":[{"content":"hi","role":"user"}], "model":"m" })");
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.field("cache-status"), "outrigger; hit; ttl=570");
  EXPECT_EQ(again.field("age"), "30");
  EXPECT_EQ(again.field("outrigger-tokens-saved"), "input=7, output=3");
  EXPECT_EQ(again.source(), Source::kCache);
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePrompts, ItsTimeIsThePolicys) {
  play(answer("one"));
  play(answer("two"));
  ask(kAsk);
  loop_.advance(10min);
  EXPECT_NE(ask(kAsk).body.find("two"), std::string::npos);
}

TEST_F(CachePrompts, EachOwnerPaysForItself) {
  play(answer("one's"));
  play(answer("two's"));
  EXPECT_NE(ask(kAsk, {{"Authorization", "Bearer one"}}).body.find("one's"), std::string::npos);
  EXPECT_NE(ask(kAsk, {{"Authorization", "Bearer two"}}).body.find("two's"), std::string::npos);
  EXPECT_NE(ask(kAsk, {{"Authorization", "Bearer one"}}).body.find("one's"), std::string::npos);
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePrompts, AllParametersCount) {
  play(answer("one"));
  play(answer("two"));
  play(answer("three"));
  ask(kAsk);
  ask(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"effort":"high"})");
  ask(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"effort":"low"})");
  EXPECT_EQ(calls(), 3u);
}

TEST_F(CachePrompts, IgnoredMembersDoNot) {
  policies_.cache->ignore = {"/metadata"};
  play(answer("one"));
  ask(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"metadata":{"run":1}})");
  ask(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"metadata":{"run":2}})");
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePrompts, AStreamIsKeptByItsBytesAndGivenAtOnce) {
  play(stream());
  const Client& first = ask(kAskStream);
  loop_.advance(5s);
  ASSERT_TRUE(first.whole);
  const Client& again = ask(kAskStream);
  EXPECT_TRUE(again.whole) << "at once";
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.field("content-type"), "text/event-stream");
  play(answer("not streamed"));
  EXPECT_NE(ask(kAsk).body.find("not streamed"), std::string::npos) << "another answer";
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePrompts, AStreamIsGivenAtItsOwnPaceWhereThePolicySaysSo) {
  policies_.cache->streams = config::ReplayPace::kRecorded;
  play(stream());
  const Client& first = ask(kAskStream);
  loop_.advance(5s);
  const Client& again = ask(kAskStream);
  EXPECT_EQ(again.body, "");
  loop_.advance(1s);
  EXPECT_EQ(again.body, stream().pieces[0]);
  loop_.advance(1s);
  EXPECT_EQ(again.body, stream().pieces[0] + stream().pieces[1]);
  loop_.advance(2s);
  EXPECT_EQ(again.body, first.body);
  EXPECT_TRUE(again.whole);
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePrompts, AThousandAskersAreOneCallAndAllAreStreamed) {
  play(stream());
  for (int i = 0; i < 1000; ++i) ask(kAskStream);
  loop_.advance(1s);
  for (const auto& client : clients_) EXPECT_EQ(client->body, stream().pieces[0]);
  clients_.front()->leave();
  loop_.advance(4s);
  for (std::size_t i = 1; i < clients_.size(); ++i) EXPECT_TRUE(clients_[i]->whole);
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePrompts, ARestartedAgentFindsWhatItsLastRunPaidFor) {
  play(stream());
  ask(kAskStream).leave();  // it died
  loop_.advance(2s);
  const Client& restarted = ask(kAskStream);
  EXPECT_EQ(restarted.body, stream().pieces[0] + stream().pieces[1]) << "joined";
  loop_.advance(3s);
  EXPECT_TRUE(restarted.whole);
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePrompts, CutRefusedAndUnfinishedAnswersAreNotKept) {
  Play cut = stream();
  cut.pieces.resize(2);
  cut.breaks = true;
  play(cut);
  EXPECT_FALSE(ask(kAskStream).whole);
  loop_.advance(5s);
  Play silent = stream();
  silent.pieces.resize(3);  // ends cleanly without its terminator
  play(silent);
  ask(kAskStream);
  loop_.advance(5s);
  play(answer("too long", "length"));
  ask(kAsk);
  play(answer("filtered", "content_filter"));
  ask(kAsk);
  Play failed;
  failed.status = 500;
  failed.verdict = Verdict::kTransient;
  play(failed);
  ask(kAsk);
  Play odd = answer("the classifier says no");
  odd.verdict = Verdict::kInvalidResponse;
  play(odd);
  ask(kAsk);
  play(answer("well"));
  EXPECT_NE(ask(kAsk).body.find("well"), std::string::npos);
  play(stream());
  ask(kAskStream);
  loop_.advance(5s);
  EXPECT_EQ(calls(), 8u);
}

TEST_F(CachePrompts, AnswersThatCallToolsAreNeitherKeptNorShared) {
  const std::string with_tools =
      R"({"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function",)"
      R"("function":{"name":"pay"}}]})";
  Play call = answer("", "tool_calls");
  call.pieces = {
      R"({"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",)"
      R"("content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"pay",)"
      R"("arguments":"{}"}}]},"finish_reason":"tool_calls"}]})"};
  call.before_head = 1s;
  for (int i = 0; i < 3; ++i) play(call);
  ask(with_tools);
  ask(with_tools);
  EXPECT_EQ(calls(), 2u) << "each pays by itself";
  loop_.advance(1s);
  ask(with_tools);
  EXPECT_EQ(calls(), 3u);
  loop_.advance(1s);
}

TEST_F(CachePrompts, WhereThePolicySaysSoTheyAre) {
  policies_.cache->tool_calls = true;
  const std::string with_tools =
      R"({"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function",)"
      R"("function":{"name":"pay"}}]})";
  Play call;
  call.fields = {{"Content-Type", "application/json"}};
  call.pieces = {
      R"({"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",)"
      R"("content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"pay",)"
      R"("arguments":"{}"}}]},"finish_reason":"tool_calls"}]})"};
  play(call);
  ask(with_tools);
  ask(with_tools);
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePrompts, WhatDependsOnMoreThanItselfPassesBy) {
  const std::string continued = R"({"model":"m","input":"go on","previous_response_id":"resp_1"})";
  play(answer("a"));
  play(answer("b"));
  for (int i = 0; i < 2; ++i) {
    const Client& client = send(http::Method::kPost, "/v1/responses",
                                {{"Content-Type", "application/json"}}, continued);
    EXPECT_EQ(client.field("cache-status"),
              "outrigger; fwd=bypass; fwd-status=200; detail=server_state");
  }
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePrompts, TheClientsWishesCount) {
  play(answer("one"));
  ask(kAsk);
  play(answer("two"));
  EXPECT_NE(ask(kAsk, {{"Cache-Control", "no-cache"}}).body.find("two"), std::string::npos);
  EXPECT_NE(ask(kAsk).body.find("two"), std::string::npos);
  play(answer("three"));
  EXPECT_NE(ask(kAsk, {{"Cache-Control", "no-store"}}).body.find("three"), std::string::npos);
  EXPECT_NE(ask(kAsk).body.find("two"), std::string::npos);
  loop_.advance(60s);
  EXPECT_NE(ask(kAsk, {{"Cache-Control", "max-age=100"}}).body.find("two"), std::string::npos);
  play(answer("four"));
  EXPECT_NE(ask(kAsk, {{"Cache-Control", "max-age=10"}}).body.find("four"), std::string::npos);
  const Client& refused = ask(kAskStream, {{"Cache-Control", "only-if-cached"}});
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->reason, "not_cached");
  EXPECT_EQ(calls(), 4u);
}

TEST_F(CachePrompts, OnlyPromptsThatMeetTheConditionsAreKept) {
  policies_.cache->if_json = {{.pointer = "/temperature", .text = "0"}};
  play(answer("one"));
  play(answer("two"));
  play(answer("frozen"));
  ask(kAsk);
  ask(kAsk);
  const std::string frozen =
      R"({"model":"m","temperature":0,"messages":[{"role":"user","content":"hi"}]})";
  ask(frozen);
  ask(frozen);
  EXPECT_EQ(calls(), 3u);
}

TEST_F(CachePrompts, AFailureIsSharedAndKeptByNobody) {
  Play down;
  down.fails = "connection_refused";
  down.before_head = 1s;
  play(down);
  const Client& one = ask(kAsk);
  const Client& two = ask(kAsk);
  loop_.advance(1s);
  EXPECT_TRUE(one.error);
  EXPECT_TRUE(two.error);
  EXPECT_EQ(calls(), 1u);
  play(answer("well"));
  EXPECT_NE(ask(kAsk).body.find("well"), std::string::npos);
}

TEST_F(CachePrompts, InShadowItKeepsAnswersAndGivesNone) {
  policies_.shadow = {config::Shadowed::kCache};
  play(answer("one"));
  play(answer("two"));
  ask(kAsk);
  Client& second = ask(kAsk);
  EXPECT_NE(second.body.find("two"), std::string::npos);
  EXPECT_EQ(second.field("cache-status"), "");
  ASSERT_EQ(second.exchange().would_have.size(), 1u);
  EXPECT_EQ(second.exchange().would_have[0].what, "answer");
}

TEST_F(CachePrompts, AWriteThatMayNotBeRepeatedIsNoPrompt) {
  policies_.replay.reset();
  play(answer("one"));
  play(answer("two"));
  ask(kAsk);
  ask(kAsk);
  EXPECT_EQ(calls(), 2u);
}

}  // namespace
}  // namespace outrigger::filters
