#include "node/settings.hpp"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "model/documents/suggest.hpp"
#include "node/config_file.hpp"
#include "node/read_file.hpp"
#include "node/text.hpp"

namespace tenax::node {

namespace {

std::string key_of(const CLI::Option& o) {
  auto key = o.get_lnames().front();
  std::ranges::replace(key, '-', '_');
  return key;
}

constexpr std::string_view prefix = "TENAX_";

std::string variable_of(const std::string& key) {
  std::string out(prefix);
  for (const char c : key) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

bool is_flag(const CLI::Option& o) { return o.get_items_expected_max() == 0; }
bool is_list(const CLI::Option& o) {
  return o.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

std::vector<std::string> parted(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const auto comma = std::min(text.find(',', from), text.size());
    if (comma > from) out.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return out;
}

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
  throw CLI::ValidationError(place, why);
}

std::string text_of(const std::string& file) {
  auto text = read_file(file);
  if (!text) refuse(file, "the file cannot be read");
  return *std::move(text);
}

}  // namespace

bool means_more(std::string_view word) {
  return word.starts_with('[') || word == "{}" || word == "++" || word.starts_with(as_it_is);
}

settings::settings(const std::vector<CLI::Option*>& options) {
  for (auto* option : options) all_.push_back({option, key_of(*option), {}});
}

void settings::resolve(const std::optional<std::string>& file) {
  for (auto& s : all_) {
    if (s.option->count() > 0) {
      s.from = "--" + s.option->get_lnames().front();
      continue;
    }
    const auto variable = variable_of(s.key);
    const char* const text = std::getenv(variable.c_str());
    if (text == nullptr || *text == '\0') continue;
    take(s, is_list(*s.option) ? parted(text) : std::vector<std::string>{text}, variable);
  }
  if (file) take_file(*file);
}

void settings::take_file(const std::string& file) {
  const auto given = parse_config(text_of(file), file);
  if (!given) throw CLI::ParseError(given.error().message(), CLI::ExitCodes::ConfigError);
  for (const auto& v : *given) {
    const auto found = std::ranges::find(all_, v.key, &one::key);
    if (found == all_.end()) {
      std::vector<std::string_view> keys;
      for (const auto& s : all_) keys.push_back(s.key);
      refuse(v.place,
             printable(v.key) + " is no setting; there are " + model::nearest_names(v.key, keys));
    }
    if (v.is_list && !is_list(*found->option)) refuse(v.place, v.key + " takes one value, no list");
    if (found->from.empty()) take(*found, v.words, v.place);
  }
}

void settings::take(one& s, const std::vector<std::string>& words, const std::string& from) {
  s.from = from;
  try {
    if (is_flag(*s.option)) {
      if (words.front() == "false" || words.front() == "0") return;
      if (words.front() != "true" && words.front() != "1") refuse(from, "must be true or false");
      s.option->add_result("true");
    } else {
      for (const auto& word : words)
        s.option->add_result(means_more(word) ? as_it_is + word : word);
    }
    if (s.option->count() > 0) s.option->run_callback();
  } catch (const CLI::ValidationError& e) {
    if (std::string_view(e.what()).starts_with(from)) throw;
    refuse(from, e.what());
  } catch (const CLI::ConversionError& e) {
    refuse(from, e.what());
  }
}

std::vector<std::string> settings::misspelt() const {
  std::vector<std::string> out;
  for (const char* const* at = ::environ; *at != nullptr; ++at) {
    const std::string_view entry(*at);
    const auto name = entry.substr(0, entry.find('='));
    if (!name.starts_with(prefix)) continue;
    std::optional<std::string> meant;
    for (const auto& s : all_) {
      const auto variable = variable_of(s.key);
      if (name == variable) {
        meant.reset();
        break;
      }
      if (model::are_alike(name.substr(prefix.size()), variable.substr(prefix.size())))
        meant = variable;
    }
    if (meant) out.push_back(printable(name) + " is no setting: is " + *meant + " meant?");
  }
  return out;
}

std::vector<settings::row> settings::rows() const {
  std::vector<row> out;
  for (const auto& s : all_) {
    row r{s.key, {}, is_list(*s.option), s.from.empty() ? "default" : s.from};
    if (is_flag(*s.option)) {
      r.values = {s.option->count() > 0 ? "true" : "false"};
    } else if (s.option->count() > 0) {
      r.values = s.option->results();
    } else if (!s.option->get_default_str().empty()) {
      r.values = {s.option->get_default_str()};
    }
    out.push_back(std::move(r));
  }
  return out;
}

}  // namespace tenax::node
