#include "tests/integration/cli_fixture.h"

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace outrigger::test {
namespace {

TEST_F(Cli, ExplainsEveryCodeThatItLists) {
  const Output list = outrigger({"explain"});
  EXPECT_EQ(list.code, 0);
  int codes = 0;
  for (const std::string& line : lines(list.out)) {
    if (line.rfind("  ", 0) != 0) continue;
    const std::string code = line.substr(2, line.find(' ', 2) - 2);
    const Output output = outrigger({"explain", code});
    EXPECT_EQ(output.code, 0) << code;
    EXPECT_EQ(output.out.rfind(code + ": ", 0), 0u) << output.out;
    EXPECT_NE(output.out.find("What to do:\n  "), std::string::npos) << output.out;
    ++codes;
  }
  EXPECT_GT(codes, 60);
}

TEST_F(Cli, ExplainTakesACodeAsItIsPasted) {
  const std::string finding = outrigger({"explain", "OUT-110"}).out;
  EXPECT_EQ(outrigger({"explain", "out-110"}).out, finding);
  EXPECT_EQ(outrigger({"explain", "110"}).out, finding);
  const std::string answer = outrigger({"explain", "connection_refused"}).out;
  EXPECT_EQ(outrigger({"explain", "urn:outrigger:error:connection_refused"}).out, answer);
}

TEST_F(Cli, ClassifySaysWhatAnAnswerIsTakenForAndWhy) {
  write("answer.txt",
        "HTTP/2 429 \r\ncontent-type: application/json\r\nretry-after: 7\r\n\r\n"
        "{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"Slow down.\"}}\n");
  const Output text = outrigger({"classify", "--profile", "openai", "answer.txt"});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(text.out,
            "verdict  throttled\n"
            "rule     built in: 429: too many requests\n"
            "answer   status 429\n"
            "error    rate_limit_exceeded\n"
            "message  Slow down.\n"
            "wait     7s (retry-after)\n"
            "repeat   yes: replay is safe\n");
  const auto json = nlohmann::json::parse(
      outrigger({"classify", "-p", "openai", "-o", "json", "answer.txt"}).out, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json.at("verdict"), "throttled");
  EXPECT_EQ(json.at("wait_ms"), 7000);
  EXPECT_EQ(json.at("repeat").at(0).at("again"), true);
}

TEST_F(Cli, ClassifyNamesTheRuleByItsPlace) {
  write("outrigger.yaml",
        "version: 1\nupstreams:\n  erp:\n    use: saas\n    url: https://erp.example.com\n"
        "    classify:\n      - {status: [409], error: [LOCKED], verdict: overloaded}\n"
        "    routes: [{name: pay, match: {path: /pay}, classify: [{status: [409], verdict: "
        "timeout}]}]\n");
  const std::string body = "echo '{\"error\":\"LOCKED\"}' | $O classify -s 409 ";
  EXPECT_NE(shell(body).out.find("rule     1 of 2, outrigger.yaml:7:"), std::string::npos)
      << shell(body).out << shell(body).err;
  EXPECT_NE(shell(body + "-u erp --route pay").out.find("verdict  timeout\n"), std::string::npos);
  const std::string preset = shell(
                                 "printf 'HTTP/1.1 403\\nx-ratelimit-remaining: 0\\n\\n' | "
                                 "$O classify -u erp -")
                                 .out;
  EXPECT_NE(preset.find("2 of 2, <profile saas>:"), std::string::npos) << preset;
  EXPECT_NE(preset.find("repeat   POST, PATCH: yes: replay is unsent, and"), std::string::npos)
      << preset;
}

TEST_F(Cli, ClassifyReadsAnEventOfAStream) {
  const Output output = shell(
      "printf 'event: error\\ndata: "
      "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\\n' |"
      " $O classify --in-stream -p anthropic");
  EXPECT_NE(output.out.find("verdict  overloaded\n"), std::string::npos) << output.err;
  EXPECT_NE(output.out.find("answer   an error event in a stream\n"), std::string::npos);
}

TEST_F(Cli, ClassifySaysWhatItNeeds) {
  struct Row {
    std::string script, says;
  };
  const std::vector<Row> rows = {
      {"echo '{}' | $O classify -p openai", "add --status 429"},
      {"echo hello | $O classify -p openai", "this is no answer"},
      {"$O classify -p openai < /dev/null", "the answer is empty"},
      {"$O classify -p opnai", "there is no profile \"opnai\"; did you mean \"openai\"?"},
      {"$O classify -u opnai", "there is no upstream \"opnai\"; did you mean \"openai\"?"},
      {"$O classify -u openai --route x", "there is no route \"x\""},
      {"$O classify x.txt", "whose answer is it? Add --upstream or --profile"},
      {"$O classify -p openai -u openai", "excludes"},
      {"$O classify -p openai -s 42", "--status"},
      {"$O classify -p openai -o xml", "--output"},
  };
  for (const Row& row : rows) {
    const Output output = shell(row.script);
    EXPECT_EQ(output.code, 2) << row.script;
    EXPECT_EQ(output.out, "") << row.script;
    EXPECT_NE(output.err.find(row.says), std::string::npos) << row.script << ": " << output.err;
  }
  EXPECT_EQ(outrigger({"classify", "-p", "openai", "missing.txt"}).code, 1);
  write("bad.yaml", kMisspelt);
  EXPECT_EQ(outrigger({"classify", "-c", "bad.yaml"}).code, 3);
}

TEST_F(Cli, EnvPointsSdksAtTheProxy) {
  const Output output =
      shell("eval \"$($O env --shell bash)\"; echo $OPENAI_BASE_URL $ANTHROPIC_BASE_URL");
  EXPECT_EQ(output.out, "http://127.0.0.1:4170/openai/v1 http://127.0.0.1:4170/anthropic\n");
  EXPECT_EQ(output.err, "");
}

TEST_F(Cli, EnvNamesTheAddressThatRunWasGiven) {
  const std::string expected = "OPENAI_BASE_URL=http://[::1]:8080/openai/v1\n";
  const Words words = {"env", "--shell", "docker"};
  EXPECT_NE(outrigger(words, {"OUTRIGGER_LISTEN=[::1]:8080"}).out.find(expected),
            std::string::npos);
  EXPECT_NE(outrigger({"env", "--shell", "docker", "--listen", "[::1]:8080"}).out.find(expected),
            std::string::npos);
}

TEST_F(Cli, EnvSpeaksEveryShell) {
  write("outrigger.yaml", "version: 1\nupstreams:\n  my-erp: {url: 'http://127.0.0.1:1'}\n");
  const std::string url = "http://127.0.0.1:4170/my-erp";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"bash", "export MY_ERP_BASE_URL='" + url + "'\n"},
      {"zsh", "export MY_ERP_BASE_URL='" + url + "'\n"},
      {"fish", "set -gx MY_ERP_BASE_URL '" + url + "'\n"},
      {"powershell", "$env:MY_ERP_BASE_URL = '" + url + "'\n"},
      {"docker", "MY_ERP_BASE_URL=" + url + "\n"},
      {"k8s", "- name: MY_ERP_BASE_URL\n  value: '" + url + "'\n"},
  };
  for (const auto& [name, text] : rows) EXPECT_EQ(outrigger({"env", "--shell", name}).out, text);
  EXPECT_EQ(outrigger({"env"}, {"SHELL=/usr/bin/fish"}).out, rows[2].second);
  EXPECT_EQ(outrigger({"env"}, {"SHELL=/bin/dash"}).out, rows[0].second);
}

TEST_F(Cli, EnvTellsTwoUpstreamsOfOneProviderApart) {
  write("outrigger.yaml", "version: 1\nupstreams:\n  work: {use: openai}\n  home: {use: openai}\n");
  EXPECT_EQ(outrigger({"env", "--shell", "docker"}).out,
            "OPENAI_BASE_URL=http://127.0.0.1:4170/work/v1\n"
            "HOME_BASE_URL=http://127.0.0.1:4170/home/v1\n");
}

TEST_F(Cli, CompletionScriptsAreGoodShell) {
  for (const std::string& name : {std::string("bash"), std::string("zsh"), std::string("fish")}) {
    if (shell("command -v " + name).code != 0) continue;
    const Output output = shell("$O completion " + name + " > script && " + name + " -n script");
    EXPECT_EQ(output.code, 0) << name << ": " << output.err;
  }
  EXPECT_EQ(outrigger({"completion", "zsh"}).out.rfind("#compdef outrigger\n", 0), 0u);
}

TEST_F(Cli, BashCompletesCommandsOptionsCodesAndFiles) {
  write("mine.yaml", kGood);
  const auto completed = [&](const std::string& words, int at) {
    return shell("source <($O completion bash); COMP_WORDS=(outrigger " + words +
                 "); COMP_CWORD=" + std::to_string(at) + "; _outrigger; echo ${COMPREPLY[@]}")
        .out;
  };
  EXPECT_EQ(completed("ch", 1), "check\n");
  EXPECT_EQ(completed("config s", 2), "show schema\n");
  EXPECT_EQ(completed("config show --or", 3), "--origins\n");
  EXPECT_EQ(completed("check mi", 2), "mine.yaml\n");
  EXPECT_EQ(completed("classify mi", 2), "mine.yaml\n");
  EXPECT_EQ(completed("explain OUT-11", 2).rfind("OUT-110 ", 0), 0u);
  EXPECT_EQ(completed("completion ''", 2).rfind("bash zsh fish", 0), 0u);
}

}  // namespace
}  // namespace outrigger::test
