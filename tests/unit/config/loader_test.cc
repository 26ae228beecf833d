// What a loaded configuration holds: layers, variables, secrets, profiles.
#include "config/loader.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "config/codes.h"
#include "config/declaration.h"
#include "config/mask.h"
#include "config/profiles.h"
#include "config/suggest.h"
#include "tests/unit/config/support.h"

namespace outrigger::config::test {
namespace {

const Upstream& only(const Loaded& loaded) {
  return loaded.config->upstreams.at(0);
}

TEST(Layers, LaterOnesWinAndTheRestStays) {
  const Loaded loaded = load(
      "version: 1\n"
      "defaults: {timeouts: {connect: 1s, tls: 1s, headers: 1s, gap: 1s}, pool: {connections: 7}}\n"
      "profiles:\n"
      "  base: {timeouts: {tls: 2s, headers: 2s, gap: 2s}}\n"
      "  narrow: {use: base, timeouts: {headers: 3s, gap: 3s}}\n"
      "upstreams:\n"
      "  a:\n"
      "    routes: [{match: {path: /x}, timeouts: {total: 5s}}]\n"
      "    url: https://a.example.com\n"
      "    use: narrow\n"
      "    timeouts: {gap: 4s}\n");
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  const Timeouts& timeouts = only(loaded).policies.timeouts;
  EXPECT_EQ(timeouts.connect, 1s);
  EXPECT_EQ(timeouts.tls, 2s);
  EXPECT_EQ(timeouts.headers, 3s);
  EXPECT_EQ(timeouts.gap, 4s);
  EXPECT_EQ(timeouts.total, std::nullopt);
  EXPECT_EQ(only(loaded).pool.connections, 7u);
  EXPECT_EQ(only(loaded).profile, "");
  const Timeouts& route = only(loaded).routes.at(0).policies.timeouts;
  EXPECT_EQ(route.gap, 4s);
  EXPECT_EQ(route.total, 5s);
}

TEST(Layers, KeepTheBuiltInProfileThatAllBuildsOn) {
  const Loaded loaded =
      load("version: 1\nprofiles: {mine: {use: anthropic}}\nupstreams: {a: {use: mine}}\n");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(only(loaded).profile, "anthropic");
}

TEST(Layers, ListsReplace) {
  const Loaded loaded = load(
      "version: 1\nprofiles: {p: {endpoints: [https://a.example.com, https://b.example.com]}}\n"
      "upstreams: {a: {use: p, url: https://c.example.com}}\n");
  ASSERT_TRUE(loaded.config);
  ASSERT_EQ(only(loaded).endpoints.size(), 1u);
  EXPECT_EQ(only(loaded).endpoints[0].host, "c.example.com");
}

TEST(Layers, NoneTakesAwayWhatALowerLayerGave) {
  const Loaded loaded = load(
      "version: 1\ndefaults: {health: {active: {path: /h}, passive: none}}\n"
      "upstreams:\n  a: {url: https://a.example.com, health: {active: none}}\n"
      "  b: {url: https://b.example.com, health: {active: {timeout: 1s}}}\n");
  ASSERT_TRUE(loaded.config);
  EXPECT_FALSE(only(loaded).health.active);
  EXPECT_FALSE(only(loaded).health.passive);
  const Upstream& other = loaded.config->upstreams.at(1);
  ASSERT_TRUE(other.health.active);
  EXPECT_EQ(other.health.active->path, "/h");
  EXPECT_EQ(other.health.active->timeout, 1s);
}

TEST(Layers, TheOriginOfEachValueIsKept) {
  const Loaded loaded = load(
      "version: 1\ndefaults: {timeouts: {connect: 1s}}\nupstreams:\n  a:\n    use: openai\n    "
      "timeouts: {gap: 4s}\n");
  ASSERT_TRUE(loaded.config);
  const auto at = [&](std::string_view path) { return loaded.origins.find(path)->second.position; };
  EXPECT_EQ(at("upstreams.a.timeouts.gap").line, 6);
  EXPECT_EQ(at("upstreams.a.timeouts.gap").column, 21);
  EXPECT_EQ(at("upstreams.a.timeouts.connect").file,
            "<profile llm>");  // profiles stand above defaults
  EXPECT_EQ(at("upstreams.a.url").file, "<profile openai>");
  EXPECT_FALSE(loaded.origins.contains("upstreams.a.pool.idle"));
}

TEST(Variables, AreTakenFromTheEnvironment) {
  const Environment from =
      environment({{"HOST", "b.example.com"}, {"N", "3"}, {"EMPTY", ""}, {"TRICK", "${N}"}});
  const Loaded loaded = load(
      "version: 1\nserver: {workers: \"${N}\", drain: {announce: \"${N}s\"}}\n"
      "store: {path: \"$${N}/${EMPTY:-d}/${TRICK}/${NONE:-}x\"}\n"
      "upstreams: {a: {url: \"https://${HOST}/v1\"}}\n",
      from);
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  EXPECT_EQ(loaded.config->server.workers, 3u);
  EXPECT_EQ(loaded.config->server.drain.announce, 3s);
  EXPECT_EQ(loaded.config->store.path, "${N}/d/${N}/x");
  EXPECT_EQ(only(loaded).endpoints[0].host, "b.example.com");
}

TEST(Variables, OfAWordStayAWord) {
  EXPECT_TRUE(
      load("version: 1\nserver: {watch: \"${W}\"}\n", environment({{"W", "false"}})).config);
  EXPECT_EQ(codes_of(load("version: 1\nserver: {watch: \"${W}\"}\n", environment({{"W", "no"}}))),
            "OUT-124");
}

TEST(Secrets, ComeFromVariablesAndFiles) {
  const Environment from = environment({{"KEY", "k1"}}, {{"/s", "k2\n"}, {"/empty", "\n"}});
  const auto key = [&](const std::string& written) {
    const Loaded loaded = load("version: 1\nstore: {encryption_key: \"" + written + "\"}\n", from);
    return loaded.config ? std::string(loaded.config->store.encryption_key.reveal())
                         : codes_of(loaded);
  };
  EXPECT_EQ(key("${KEY}"), "k1");
  EXPECT_EQ(key("file:/s"), "k2");
  EXPECT_EQ(key("file:/empty"), "OUT-141");
  EXPECT_EQ(key("file:/missing"), "OUT-141");
  EXPECT_EQ(key("${MISSING}"), "OUT-140");
}

TEST(Quotes, MakeAText) {
  const Loaded loaded = load("version: 1\nstore: {path: \"yes\"}\n");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->store.path, "yes");
  EXPECT_EQ(codes_of(load("version: 1\nserver: {workers: \"2\"}\n")), "OUT-123");
  EXPECT_EQ(codes_of(load("version: 1\nserver: {watch: 'true'}\n")), "OUT-124");
}

TEST(Routes, AreNamedAfterTheirMatch) {
  const Loaded loaded =
      load(upstream("routes: [{match: {method: [GET, HEAD], path: /x}}, {match: {method: POST}},"
                    " {name: mine, match: {path: /y}}]"));
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  EXPECT_EQ(only(loaded).routes[0].name, "GET,HEAD /x");
  EXPECT_EQ(only(loaded).routes[1].name, "POST");
  EXPECT_EQ(only(loaded).routes[2].name, "mine");
}

TEST(Routes, AreReachableUnlessAnEarlierOneCoversThem) {
  const auto routes = [](const std::string& list) {
    return codes_of(load(upstream("routes: [" + list + "]")));
  };
  EXPECT_EQ(routes("{match: {path: /a}}, {match: {path: /ab}}"), "");
  EXPECT_EQ(routes("{match: {path: /a/b}}, {match: {path: /a}}"), "");
  EXPECT_EQ(routes("{match: {method: GET, path: /a}}, {match: {path: /a}}"), "");
  EXPECT_EQ(routes("{match: {method: GET}}, {match: {method: POST, path: /a}}"), "");
  EXPECT_EQ(routes("{match: {path: /a}}, {match: {path: /a/b}}"), "OUT-161");
  EXPECT_EQ(routes("{match: {method: [GET, PUT]}}, {match: {method: PUT, path: /a}}"), "OUT-161");
}

TEST(BuiltIn, ServesEveryProviderThatHasAnAddress) {
  const Loaded loaded = built_in(environment());
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  EXPECT_TRUE(loaded.diagnostics.empty());
  std::string names;
  for (const Upstream& upstream : loaded.config->upstreams) names += upstream.name + " ";
  EXPECT_EQ(names,
            "anthropic cohere deepseek fireworks gemini github groq hubspot mistral ollama openai "
            "openrouter perplexity slack stripe together xai ");
  EXPECT_EQ(loaded.config->source, "<built-in>");
}

TEST(BuiltIn, IsAlsoServedByAFileThatNamesNoUpstreams) {
  const Loaded loaded = load("version: 1\nserver: {listen: 127.0.0.1:9000}\n");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->upstreams.size(), built_in(environment()).config->upstreams.size());
  EXPECT_EQ(loaded.config->server.listen.at(0).port, 9000);
}

struct ProviderRow {
  const char* name;
  const char* host;
  const char* version;
  ErrorFormat errors;
};

TEST(BuiltIn, KnowsWhereEachProviderIs) {
  const ProviderRow rows[] = {
      {"openai", "api.openai.com", "/v1", ErrorFormat::kOpenai},
      {"anthropic", "api.anthropic.com", "/v1", ErrorFormat::kAnthropic},
      {"gemini", "generativelanguage.googleapis.com", "", ErrorFormat::kProblem},
      {"openrouter", "openrouter.ai", "/api/v1", ErrorFormat::kOpenai},
      {"groq", "api.groq.com", "/openai/v1", ErrorFormat::kOpenai},
      {"fireworks", "api.fireworks.ai", "/inference/v1", ErrorFormat::kOpenai},
      {"ollama", "127.0.0.1", "", ErrorFormat::kOpenai},
  };
  const Loaded loaded = built_in(environment());
  for (const ProviderRow& row : rows) {
    const auto& all = loaded.config->upstreams;
    const auto found = std::ranges::find(all, row.name, &Upstream::name);
    ASSERT_NE(found, all.end()) << row.name;
    EXPECT_EQ(found->endpoints.at(0).host, row.host);
    EXPECT_EQ(found->path_prefix, std::string("/") + row.name);
    EXPECT_EQ(found->expected_version, row.version);
    EXPECT_EQ(found->policies.error_format, row.errors);
    EXPECT_EQ(found->policies.timeouts.total, std::nullopt) << "a stream may last";
    EXPECT_EQ(found->policies.timeouts.headers, 10min);
  }
}

TEST(BuiltIn, EveryProfileLoadsWithoutAWord) {
  for (const BuiltInProfile& profile : built_in_profiles()) {
    const Loaded loaded = load("version: 1\nupstreams: {a: {use: " + std::string(profile.name) +
                               ", url: https://a.example.com}}\n");
    EXPECT_TRUE(loaded.config && loaded.diagnostics.empty())
        << profile.name << render(loaded.diagnostics, false);
    // Lower layers are silent when an upstream uses them: as a profile of a file they are not.
    std::string indented = "    " + std::string(profile.text);
    for (std::size_t at = indented.find('\n'); at != std::string::npos;
         at = indented.find('\n', at + 1)) {
      indented.insert(at + 1, "    ");
    }
    const Loaded own = load("version: 1\nprofiles:\n  mine:\n" + indented +
                            "\nupstreams:\n  a: {use: mine, "
                            "url: https://a.example.com}\n");
    EXPECT_TRUE(own.config && own.diagnostics.empty())
        << profile.name << render(own.diagnostics, false);
  }
}

TEST(Files, ThatCannotBeReadAreNamed) {
  const Loaded loaded = load_file("/nowhere/outrigger.yaml", environment());
  EXPECT_EQ(codes_of(loaded), "OUT-101");
  EXPECT_EQ(loaded.diagnostics[0].position.file, "/nowhere/outrigger.yaml");
  EXPECT_EQ(
      codes_of(load_file("/x", environment({}, {{"/x", std::string(kMaxFileBytes + 1, '#')}}))),
      "OUT-101");
  const auto folder = Environment::process().read_file("/");
  EXPECT_FALSE(folder);
}

TEST(Bounds, AreRefusedLoudly) {
  std::string many = "version: 1\nupstreams:\n  a: {endpoints: [";
  for (std::size_t i = 0; i < 100'001; ++i) many += "x,";
  EXPECT_EQ(codes_of(load(many + "]}\n")), "OUT-106");
  EXPECT_NE(codes_of(load("version: 1\na: " + std::string(100'000, '[') + "\n")).find("OUT-106"),
            std::string::npos);
  std::string chain = "version: 1\nprofiles:\n  p0: {}\n";
  for (int i = 1; i < 40; ++i)
    chain += "  p" + std::to_string(i) + ": {use: p" + std::to_string(i - 1) + "}\n";
  EXPECT_NE(codes_of(load(chain + "upstreams: {a: {use: p39, url: https://a.example.com}}\n"))
                .find("OUT-106"),
            std::string::npos);
}

TEST(Masking, CoversEveryFormOfASecret) {
  const Source source(
      "f",
      "a: {api_key: hunter2, b: hunter2}\n\"password\": 'hunter2'\nauth_token: |\n  hunter2\n\n  "
      "hunter2\n"
      "ok: fine\nsecret: \"hunter2\nhunter2\nhunter2\"\nalso: fine\nkey_file: /shown\nurl: "
      "https://u:hunter2@h/\n- cookie:\n    hunter2\nend: x\n");
  std::string all;
  for (const std::string& line : mask_secrets(source)) all += line + "\n";
  EXPECT_EQ(all.find("hunter2"), std::string::npos) << all;
  for (const char* shown :
       {"ok: fine", "also: fine", "key_file: /shown", "https://***@h/", "end: x"}) {
    EXPECT_NE(all.find(shown), std::string::npos) << shown;
  }
}

TEST(Masking, LeavesTheKeysOfABreakerAlone) {
  const auto masked = [](const std::string& line) { return mask_secrets({"f", line}).at(0); };
  for (const char* line : {"circuit_breaker: {key: [model, credential], ramp: none}", "key: model",
                           "a: {key: endpoint}", "key: [ endpoint,model ]"}) {
    EXPECT_EQ(masked(line), line);
  }
  for (const char* line : {"key: hunter2", "key: [model, hunter2]", "key: [model", "api_key: model",
                           "key: modelhunter2", "key: []", "key: 'model hunter2'"}) {
    EXPECT_EQ(masked(line).find("hunter2"), std::string::npos) << line;
    EXPECT_TRUE(masked(line).ends_with("***")) << line;
  }
  EXPECT_EQ(masked("{key: model, password: hunter2}"), "{key: model, password: ***");
}

TEST(Suggestions, CountASwapAsOneSlip) {
  EXPECT_EQ(edit_distance("retry", "rerty"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(nearest("timeuot", {"timeouts", "tls"}), "timeouts");
  EXPECT_EQ(nearest("colour", {"timeouts", "tls"}), "");
}

TEST(Codes, AreUniqueAndFoundInAnySpelling) {
  for (const CodeInfo& info : codes()) {
    const std::string name = to_string(info.code);
    EXPECT_EQ(find_code(name), &info) << name;
    EXPECT_EQ(find_code("out-" + name.substr(4)), &info);
    EXPECT_EQ(find_code(name.substr(4)), &info);
    EXPECT_FALSE(info.title.empty() || info.explanation.empty() || info.mend.empty()) << name;
  }
  EXPECT_EQ(find_code("OUT-999"), nullptr);
  EXPECT_EQ(find_code("nonsense"), nullptr);
}

}  // namespace
}  // namespace outrigger::config::test
