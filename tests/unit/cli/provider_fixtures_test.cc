// Every built-in profile against the answers of its provider (llm 2.4): tests/fixtures/providers.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/loader.h"
#include "config/profiles.h"
#include "config/units.h"
#include "proxy/cli/answer_report.h"

namespace outrigger::cli {
namespace {

constexpr double kNow = 1795806000;  // 2026-11-27T19:00:00Z

struct Case {
  std::string name, expected, answer;
};

std::filesystem::path folder() {
  return std::filesystem::path(OUTRIGGER_SOURCE_DIR) / "tests" / "fixtures" / "providers";
}

std::vector<Case> read_cases(const std::string& profile) {
  std::ifstream file(folder() / (profile + ".txt"));
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("=== ")) {
      cases.push_back({line.substr(4), {}, {}});
    } else if (cases.empty()) {
      continue;  // the comment on top
    } else if (line.starts_with("=> ")) {
      cases.back().expected = line.substr(3);
    } else {
      cases.back().answer += line + "\n";
    }
  }
  return cases;
}

config::Loaded load(std::string_view profile) {
  const std::string text = fmt::format(
      "version: 1\nupstreams: {{a: {{use: {}, url: \"https://example.com\"}}}}\n", profile);
  return config::load_text(text, "fixture", config::Environment::process());
}

std::string scope_word(config::Scope scope) {
  switch (scope) {
    case config::Scope::kModel:
      return " scope=model";
    case config::Scope::kCredential:
      return " scope=credential";
    case config::Scope::kEndpoint:
      return " scope=endpoint";
    case config::Scope::kDefault:
      break;
  }
  return {};
}

// In the words of the fixtures.
std::string words_of(const filters::Judgement& judgement) {
  std::string words(to_string(judgement.verdict));
  if (!judgement.error.empty()) words += " error=" + judgement.error;
  if (judgement.hint) words += " wait=" + config::print_duration(*judgement.hint);
  words += scope_word(judgement.scope);
  if (judgement.upstream_says_retry) {
    words += *judgement.upstream_says_retry ? " retry=true" : " retry=false";
  }
  return words;
}

// 1.2s is 1s200ms: times compare by value.
std::string canonical(std::string words) {
  constexpr std::string_view kWait = " wait=";
  const std::size_t lead = words.find(kWait);
  if (lead == std::string::npos) return words;
  const std::size_t begin = lead + kWait.size();
  const std::size_t size = std::min(words.find(' ', begin), words.size()) - begin;
  const auto wait = config::parse_duration(words.substr(begin, size));
  return wait ? words.replace(begin, size, config::print_duration(*wait)) : words;
}

// Where a rule was written: the same rule has another index in each profile that builds on it.
std::string place_of(const config::Loaded& loaded, std::size_t rule) {
  const std::string path = fmt::format("upstreams.a.classify[{}]", rule);
  const auto found = loaded.origins.lower_bound(path);
  if (found == loaded.origins.end() || !found->first.starts_with(path)) return "nowhere: " + path;
  const config::Position& at = found->second.position;
  return fmt::format("{}:{}", at.file, at.line);
}

std::vector<std::string> profiles_with_fixtures() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder())) {
    names.push_back(file.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

TEST(ProviderFixtures, AreJudgedAsTheySay) {
  for (const std::string& profile : profiles_with_fixtures()) {
    const config::Loaded loaded = load(profile);
    ASSERT_TRUE(loaded.config) << profile << "\n" << config::render(loaded.diagnostics, false);
    const config::Policies& policies = loaded.config->upstreams.at(0).policies;
    const std::vector<Case> cases = read_cases(profile);
    EXPECT_GE(cases.size(), 5u) << profile;
    for (const Case& fixture : cases) {
      const auto answer = read_pasted(fixture.answer, std::nullopt, PasteKind::kAnswer);
      ASSERT_TRUE(answer) << profile << ": " << fixture.name << ": " << answer.error().detail;
      const auto judgement = judge_pasted(policies, *answer, kNow);
      EXPECT_EQ(words_of(judgement), canonical(fixture.expected))
          << profile << ": " << fixture.name << ", rule " << judgement.rule << " "
          << judgement.because;
    }
  }
}

// A rule that no fixture needs is a guess, or is never reached.
TEST(ProviderFixtures, NeedEveryRuleOfEveryProfile) {
  std::set<std::string> written, needed;
  for (const config::BuiltInProfile& profile : config::built_in_profiles()) {
    const config::Loaded loaded = load(profile.name);
    ASSERT_TRUE(loaded.config) << profile.name;
    const config::Policies& policies = loaded.config->upstreams.at(0).policies;
    for (std::size_t i = 0; i < policies.classify.size(); ++i) {
      written.insert(place_of(loaded, i));
    }
    for (const Case& fixture : read_cases(std::string(profile.name))) {
      const auto answer = read_pasted(fixture.answer, std::nullopt, PasteKind::kAnswer);
      if (!answer) continue;
      const auto judgement = judge_pasted(policies, *answer, kNow);
      if (judgement.rule >= 0) {
        needed.insert(place_of(loaded, static_cast<std::size_t>(judgement.rule)));
      }
    }
  }
  EXPECT_GT(written.size(), 40u);
  for (const std::string& place : written) EXPECT_TRUE(needed.contains(place)) << place;
}

TEST(Profiles, OfLanguageModelsMayRepeatAndKeepBreakersApart) {
  struct Row {
    std::string_view profile;
    config::Dialect dialect;
  };
  using enum config::Dialect;
  const Row rows[] = {
      {"llm", kAuto},          {"openai", kOpenai},     {"anthropic", kAnthropic},
      {"gemini", kGemini},     {"bedrock", kBedrock},   {"cohere", kCohere},
      {"mistral", kOpenai},    {"openrouter", kOpenai}, {"azure-openai", kOpenai},
      {"groq", kOpenai},       {"deepseek", kAuto},     {"fireworks", kOpenai},
      {"perplexity", kOpenai}, {"together", kOpenai},   {"xai", kOpenai},
      {"ollama", kAuto},
  };
  for (const auto& [profile, dialect] : rows) {
    const config::Loaded loaded = load(profile);
    ASSERT_TRUE(loaded.config) << profile;
    const config::Policies& policies = loaded.config->upstreams.at(0).policies;
    EXPECT_EQ(policies.dialect, dialect) << profile;
    EXPECT_EQ(policies.replay, config::Replay::kSafe) << profile;
    ASSERT_TRUE(policies.circuit_breaker) << profile;
    EXPECT_EQ(policies.circuit_breaker->key,
              (std::vector{config::BreakerKey::kModel, config::BreakerKey::kCredential}))
        << profile;
    EXPECT_EQ(policies.timeouts.first_event, 2min) << profile;
    EXPECT_EQ(policies.timeouts.first_event_per_mib, 60s) << profile;
    EXPECT_EQ(policies.timeouts.total, std::nullopt) << profile;
    ASSERT_TRUE(policies.retry) << profile;
    ASSERT_EQ(policies.retry->backoff_for.size(), 1u) << profile;
    EXPECT_EQ(policies.retry->backoff_for[0].verdict, Verdict::kOverloaded) << profile;
    EXPECT_EQ(policies.retry->backoff_for[0].backoff.base, 5s) << profile;
  }
}

TEST(Profiles, OfBusinessApisDoNotRepeatWrites) {
  for (const std::string_view profile : {"saas", "salesforce", "github", "slack", "hubspot"}) {
    const config::Loaded loaded = load(profile);
    ASSERT_TRUE(loaded.config) << profile;
    EXPECT_EQ(loaded.config->upstreams.at(0).policies.replay, std::nullopt) << profile;
    EXPECT_EQ(loaded.config->upstreams.at(0).policies.dialect, config::Dialect::kJson) << profile;
  }
  EXPECT_EQ(load("stripe").config->upstreams.at(0).policies.replay, config::Replay::kKeyed);
}

// Reading answers that are fine costs; only who answers errors with a 200 pays it.
TEST(Profiles, ReadSuccessesOnlyWhereErrorsHide) {
  http::Headers json;
  json.add("content-type", "application/json");
  const std::set<std::string_view> suspicious = {"slack", "openrouter"};
  for (const config::BuiltInProfile& profile : config::built_in_profiles()) {
    const config::Loaded loaded = load(profile.name);
    const filters::Classifier classifier(loaded.config->upstreams.at(0).policies);
    EXPECT_EQ(classifier.wants_body(200, json), suspicious.contains(profile.name)) << profile.name;
  }
}

}  // namespace
}  // namespace outrigger::cli
