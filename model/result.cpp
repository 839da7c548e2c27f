#include "tenax/result.hpp"

namespace tenax {

std::string_view describe(errc code) noexcept {
  switch (code) {
    case errc::invalid_spec:
      return "The workflow is faulty.";
    case errc::conflict:
      return "The id exists with other content.";
    case errc::not_found:
      return "There is no such workflow or action.";
    case errc::invalid_argument:
      return "An argument is out of its range.";
    case errc::wrong_state:
      return "The workflow or action is not in a state that allows this.";
    case errc::overloaded:
      return "The admission limit is reached; try again later.";
    case errc::closing:
      return "The engine is draining or closed.";
    case errc::timed_out:
      return "The wait ended first; what was waited for goes on.";
    case errc::data_dir_locked:
      return "Another process has the data directory open.";
    case errc::data_dir_unusable:
      return "The data directory cannot be created, read or written.";
    case errc::format_too_new:
      return "The data directory was written by a newer tenax.";
    case errc::corrupt:
      return "Stored data fails its checks.";
    case errc::storage_unavailable:
      return "A commit failed; its outcome is unknown until the store is reopened.";
    case errc::stopped:
      return "The engine stopped after a failed commit or read; nothing was done.";
    case errc::lease_lost:
      return "The attempt is not open any more, or the token is none of its.";
    case errc::unreachable:
      return "Nobody answers at the server's address.";
  }
  return "An error that this version does not know.";
}

error_class classify(errc code) noexcept {
  switch (code) {
    case errc::invalid_spec:
    case errc::conflict:
    case errc::not_found:
    case errc::invalid_argument:
    case errc::wrong_state:
    case errc::overloaded:
    case errc::closing:
    case errc::data_dir_locked:
    case errc::lease_lost:
    case errc::unreachable:
      return error_class::rejected;
    case errc::timed_out:
    case errc::storage_unavailable:
      return error_class::unknown;
    case errc::data_dir_unusable:
    case errc::format_too_new:
    case errc::corrupt:
    case errc::stopped:
      return error_class::fatal;
  }
  return error_class::unknown;
}

std::string_view to_string(errc code) noexcept {
  switch (code) {
    case errc::invalid_spec:
      return "invalid_spec";
    case errc::conflict:
      return "conflict";
    case errc::not_found:
      return "not_found";
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::wrong_state:
      return "wrong_state";
    case errc::overloaded:
      return "overloaded";
    case errc::closing:
      return "closing";
    case errc::timed_out:
      return "timed_out";
    case errc::data_dir_locked:
      return "data_dir_locked";
    case errc::data_dir_unusable:
      return "data_dir_unusable";
    case errc::format_too_new:
      return "format_too_new";
    case errc::corrupt:
      return "corrupt";
    case errc::storage_unavailable:
      return "storage_unavailable";
    case errc::stopped:
      return "stopped";
    case errc::lease_lost:
      return "lease_lost";
    case errc::unreachable:
      return "unreachable";
  }
  return "unknown";
}

std::string error::to_string() const {
  std::string out{tenax::to_string(code_)};
  out += ": ";
  out += message_.empty() ? std::string{describe(code_)} : message_;
  for (const auto& f : faults_)
    out += "\n  " + (f.path.empty() ? std::string{"(document)"} : f.path) + ": " + f.message;
  return out;
}

}  // namespace tenax
