// `cache` and `fallback: [{stale: …}]`: what is said of values that do not go together, and what is
// left alone.
#include <span>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace outrigger::config::test {
namespace {

struct Row {
  std::string_view keys;  // of the upstream `a`
  std::string_view says;  // empty: nothing is found
};

void expect_rows(std::span<const Row> rows, std::string_view rest = "") {
  for (const Row& row : rows) {
    const std::string text = upstream(std::string(row.keys)) + std::string(rest);
    const std::string found = render(load(text).diagnostics, false);
    if (row.says.empty()) {
      EXPECT_EQ(found, "") << row.keys;
    } else {
      EXPECT_NE(found.find(row.says), std::string::npos) << row.keys << "\n" << found;
    }
  }
}

TEST(CacheLints, AnOwnerByHeaderNamesIt) {
  constexpr Row kRows[] = {
      {"cache: {owner: header}", "error OUT-112: owner: header does not say which"},
      {"cache: {owner: header, owner_header: X-Agent-Id}", ""},
      {"cache: {owner_header: X-Agent-Id}", "owner_header has no effect without owner: header"},
      {"cache: {owner: certificate, owner_header: X-Agent-Id}", "write owner: header"},
      {"cache: {owner: header, owner_header: X-A}, routes: [{match: {path: /r}, cache: {owner: "
       "credential}}]",
       ""},  // the route did not write the name
      {"routes: [{match: {path: /r}, cache: {owner: header}}]", "does not say which"},
  };
  expect_rows(kRows);
}

TEST(CacheLints, AnyoneGetsNoAnswerToACredentialOfAnother) {
  constexpr Row kRows[] = {
      {"cache: {owner: anyone}",
       "owner: anyone gives what one caller's credential may see to all callers"},
      {"cache: {owner: anyone}, credentials: {header: x-api-key}", "owner: anyone gives"},
      {"cache: {owner: anyone}, credentials: {keys: [\"${K}\"]}", ""},
      {"cache: {owner: anyone}, credentials: {keys: [\"${K}\"], keep_client: true}",
       "owner: anyone gives"},
      {"cache: {owner: anyone}, credentials: {aws: {region: r, access_key: \"${K}\", secret_key: "
       "\"${K}\"}}",
       ""},
      {"cache: {owner: credential}", ""},
      {"cache: {owner: certificate}", ""},
      {"routes: [{match: {path: /r}, cache: {owner: anyone}}]", "owner: anyone gives"},
  };
  for (const Row& row : kRows) {
    const Loaded loaded = load(upstream(std::string(row.keys)), environment({{"K", "k"}}));
    ASSERT_TRUE(loaded.config) << row.keys << render(loaded.diagnostics, false);
    const std::string found = render(loaded.diagnostics, false);
    EXPECT_EQ(found.empty(), row.says.empty()) << row.keys << "\n" << found;
    EXPECT_NE(found.find(row.says), std::string::npos) << row.keys << "\n" << found;
  }
}

TEST(CacheLints, ItKeepsSomething) {
  constexpr Row kRows[] = {
      {"cache: {ttl: none, http: none}", "nothing is kept: ttl and http are both none"},
      {"cache: {ttl: none, http: none}", "write cache: none"},
      {"cache: {ttl: none}", ""},
      {"cache: {http: none}", ""},
      {"cache: {ttl: none}, routes: [{match: {path: /r}, cache: {http: none}}]", "nothing is kept"},
  };
  expect_rows(kRows);
}

TEST(CacheLints, TheTimeIsForPostsThatMayBeRepeated) {
  constexpr std::string_view kSays =
      "ttl has no effect: it is for answers to POST, of which only those with replay: safe are "
      "kept";
  constexpr Row kRows[] = {
      {"cache: 10m", kSays},
      {"cache: {ttl: 10m}", "http: {heuristic: 10m} is for GET"},
      {"cache: 10m, replay: safe", ""},
      {"cache: 10m, replay: never", kSays},
      {"cache: 10m, replay: unsent", kSays},
      {"cache: 10m, replay: keyed", kSays},
      {"cache: {}", ""},  // GET and HEAD only
      {"cache: {ttl: none}, replay: never", ""},
      {"use: llm, cache: 10m", ""},
      {"use: saas, cache: 10m", kSays},
      {"cache: 10m, routes: [{match: {path: /r}, replay: safe}]", ""},
      {"cache: 10m, routes: [{match: {path: /r}, replay: safe, cache: none}]", kSays},
      {"cache: 10m, routes: [{match: {path: /r}, replay: safe, cache: {ttl: none}}]", kSays},
      {"replay: safe, cache: 10m, routes: [{match: {path: /r}, replay: unsent}]", ""},
      {"replay: safe, routes: [{match: {path: /r}, replay: unsent, cache: 10m}]", kSays},
  };
  expect_rows(kRows);
}

TEST(CacheLints, WhatIsForPostsHasNoEffectWithoutATime) {
  constexpr Row kRows[] = {
      {"cache: {ttl: none, stale: 1h}", "stale has no effect: it is for answers to POST"},
      {"cache: {ttl: none, if: {json: {/a: 1}}}", "if has no effect"},
      {"cache: {ttl: none, ignore: [/user]}", "ignore has no effect"},
      {"cache: {ttl: none, headers: [x-a]}", "headers has no effect"},
      {"cache: {ttl: none, tool_calls: true}", "tool_calls has no effect"},
      {"cache: {ttl: none, streams: recorded}", "streams has no effect"},
      {"cache: {ttl: none, samples: 2}", "samples has no effect"},
      {"cache: {ttl: none, owner: certificate, collapse: false, max_answer: 1MiB}", ""},
      {"replay: safe, cache: {samples: 2}, routes: [{match: {path: /r}, cache: {ttl: none}}]", ""},
      {"replay: safe, cache: {tool_calls: true}", ""},
  };
  expect_rows(kRows);
}

TEST(CacheLints, SamplesOfOneAnswerArePaidForInVain) {
  constexpr std::string_view kSays =
      "3 answers are paid for that hardly differ: `if` asks for temperature 0";
  constexpr Row kRows[] = {
      {"cache: {samples: 3, if: {json: {/temperature: 0}}}", kSays},
      {"cache: {samples: 3, if: {json: {/generationConfig/temperature: 0.0}}}", kSays},
      {"cache: {samples: 3, if: {json: {/temperature: 1}}}", ""},
      {"cache: {samples: 3, if: {json: {/temperature: {at_least: 0}}}}", ""},
      {"cache: {samples: 3, if: {json: {/seed: 0}}}", ""},
      {"cache: {samples: 3, if: {json: {/temperature: {contains: \"0\"}}}}", ""},
      {"cache: {samples: 1, if: {json: {/temperature: 0}}}", ""},
      {"cache: {samples: 3}", ""},
      {"cache: {samples: 3}, routes: [{match: {path: /r}, cache: {if: {json: {/temperature: 0}}}}]",
       kSays},
  };
  expect_rows(kRows);
}

TEST(CacheLints, WhatAnAnswerHangsOnIsNotIgnored) {
  for (const char* member :
       {"/messages", "/input", "/prompt", "/contents", "/model", "/system", "/instructions",
        "/tools", "/query", "/message", "/systemInstruction", "/documents"}) {
    const Loaded loaded = load(upstream(std::string("cache: {ignore: [/user, ") + member + "]}"));
    ASSERT_EQ(loaded.diagnostics.size(), 1u) << member;
    EXPECT_EQ(loaded.diagnostics[0].message,
              std::string("requests with different ") + member + " would get one answer");
  }
  EXPECT_EQ(codes_of(load(upstream("cache: {ignore: [/user, /metadata, /messages/0/id]}"))), "");
}

TEST(CacheLints, TheStoreHasRoomForTheLongestAnswer) {
  constexpr Row kRows[] = {
      {"cache: {max_answer: 3MiB}",
       "no answer of cache.max_answer (3MiB) can be kept: store.cache holds 2MiB"},
      {"cache: {max_answer: 2MiB}", ""},
      {"cache: {}", "no answer of cache.max_answer (8MiB) can be kept"},
      {"timeouts: {gap: 4s}", ""},
      {"cache: {max_answer: 2MiB}, routes: [{match: {path: /r}, cache: {max_answer: 3MiB}}]",
       "make max_answer at most 2MiB, or store.cache larger"},
  };
  expect_rows(kRows, "store: {cache: {memory: 1MiB, disk: 2MiB}}\n");
  constexpr Row kInMemory[] = {
      {"cache: {max_answer: 3MiB}", ""},
      {"cache: {max_answer: 5MiB}", "store.cache holds 4MiB"},
  };
  expect_rows(kInMemory, "store: {cache: {memory: 4MiB, disk: none}}\n");
  expect_rows(kInMemory, "store: {cache: {memory: 4MiB, disk: 2MiB}}\n");
}

// A route that says something else of it inherits what was complained of above.
TEST(CacheLints, AMistakeIsToldOnce) {
  for (const char* keys : {"owner: anyone", "ignore: [/model]", "owner_header: X-A",
                           "samples: 3, if: {json: {/temperature: 0}}", "max_answer: 3MiB"}) {
    const Loaded loaded =
        load(upstream(std::string("replay: safe, cache: {") + keys +
                      (std::string_view(keys).contains("max_answer") ? "" : ", max_answer: 1MiB") +
                      "}, routes: [{match: {path: /r}, cache: {stale: 1h}}]") +
             "store: {cache: {memory: 2MiB, disk: none}}\n");
    EXPECT_EQ(codes_of(loaded), "OUT-182") << keys << render(loaded.diagnostics, false);
  }
}

// ---- fallback: stale ----

TEST(CacheLints, AStaleAnswerIsInstead) {
  constexpr Row kRows[] = {
      {"cache: {}, fallback: [{stale: 1h}]", ""},
      {"cache: {}, fallback: [{stale: 1h, upstream: b}]",
       "with stale nobody is asked: upstream has no meaning"},
      {"cache: {}, fallback: [{stale: 1h, model: m}]",
       "with stale nobody is asked: model has no meaning"},
      {"cache: {}, fallback: [{stale: 1h, map_model: {m: n}}]", "map_model has no meaning"},
      {"cache: {}, fallback: [{stale: 1h, path: /v2}]", "path has no meaning"},
      {"cache: {}, fallback: [{stale: 1h, set: {/a: 1}}]", "set has no meaning"},
      {"cache: {}, fallback: [{stale: 1h, answer: {}}]",
       "with answer nobody is asked: stale has no meaning"},
      {"cache: {}, fallback: [{stale: none}]", "the same request would go to the same upstream"},
  };
  expect_rows(kRows, "  b: {url: https://b.example.com}\n");
  // It does not matter then what the upstream speaks.
  EXPECT_EQ(
      codes_of(load(upstream("dialect: openai, cache: {}, fallback: [{stale: 1h, upstream: b}]") +
                    "  b: {use: anthropic}\n")),
      "OUT-113");
}

TEST(CacheLints, AStaleAnswerWasStored) {
  constexpr std::string_view kSays =
      "error OUT-113: nothing is stored that could be out of date: there is no cache";
  constexpr Row kRows[] = {
      {"fallback: [{stale: 1h}]", kSays},
      {"cache: none, fallback: [{stale: 1h}]", kSays},
      {"fallback: [{stale: 1h}], routes: [{match: {path: /r}, cache: {}}]", ""},
      {"cache: {}, routes: [{match: {path: /r}, cache: none, fallback: [{stale: 1h}]}]", kSays},
      {"cache: {}, fallback: [{stale: 1h}], routes: [{match: {path: /r}, cache: none}]", ""},
  };
  expect_rows(kRows);
}

TEST(CacheLints, AnAnswerToAPostIsKeptAsLongAsAFallbackMayTakeIt) {
  constexpr Row kRows[] = {
      {"replay: safe, cache: 10m, fallback: [{stale: 24h}]",
       "no answer to a POST is kept that long: stale is 1d, cache.stale 0s"},
      {"replay: safe, cache: {stale: 23h}, fallback: [{stale: 24h}]", "write cache: {stale: 1d}"},
      {"replay: safe, cache: {stale: 24h}, fallback: [{stale: 24h}]", ""},
      {"replay: safe, cache: {stale: 25h}, fallback: [{stale: 24h}]", ""},
      {"cache: {}, fallback: [{stale: 24h}]", ""},  // GET goes by HTTP
      {"replay: safe, cache: {ttl: none}, fallback: [{stale: 24h}]", ""},
  };
  expect_rows(kRows);
}

TEST(CacheLints, NothingComesBehindAnAnswerThatIsOlder) {
  constexpr Row kRows[] = {
      {"cache: {}, fallback: [{stale: 2h}, {stale: 1h}]",
       "fallback[1] is never taken: fallback[0] finds the same whenever it would be"},
      {"cache: {}, fallback: [{stale: 1h}, {stale: 1h}]", "fallback[1] is never taken"},
      {"cache: {}, fallback: [{stale: 1h}, {stale: 2h}]", ""},
      {"cache: {}, fallback: [{stale: 2h, if: [timeout]}, {stale: 1h}]", ""},
      {"cache: {}, fallback: [{stale: 2h}, {model: m}]", ""},
      {"cache: {}, fallback: [{stale: 2h}, {answer: {}}]", ""},
      {"cache: {}, fallback: [{answer: {}}, {stale: 2h}]",
       "fallback[1] is never taken: fallback[0] answers whenever it would be"},
  };
  expect_rows(kRows);
}

}  // namespace
}  // namespace outrigger::config::test
