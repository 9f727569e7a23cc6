"""What is known of the contract suite: which checks a naive adapter passes and fails, and how."""

from __future__ import annotations

import json

import aiohttp
import pytest

from gateway.core.events import ToolCall, Usage
from gateway.testing import ProviderContract
from naive_adapter import NaiveProvider

HELLO = (
    b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"lo"}}]}\n\n'
    b"data: [DONE]\n\n"
)


class NaiveContract(ProviderContract):
    provider = NaiveProvider
    hello_stream = HELLO
    hello_text = "Hello"
    hello_finish = b"data: [DONE]"
    models_body = b'{"data":[{"id":"contract-model"},{"id":"b"}]}'
    hello_usage = Usage(3, 2)
    length_stream = (
        b'data: {"choices":[{"delta":{"content":"Hel"},"finish_reason":"length"}]}\n\n'
        b"data: [DONE]\n\n"
    )
    thinking_stream = b'data: {"choices":[{"delta":{"reasoning_content":"Hm."}}]}\n\n' + HELLO
    thinking_text = "Hm."
    tools_stream = (
        b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"f",'
        b'"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'
    )
    tools_calls = (ToolCall("f", {}, "c1"),)
    error_event = b'data: {"error":{"message":"too busy"}}\n\n'
    error_text = "too busy"


PASSED = {
    "test_text_comes_first_and_one_finish_last",
    "test_a_request_names_the_model",
    "test_a_model_in_a_path_is_percent_encoded",
    "test_tools_calls_and_results_are_sent",
    "test_pictures_are_sent_or_rejected",
    "test_zero_is_a_value",
    "test_what_an_option_contains_is_sent_with_it",
    "test_no_option_breaks_a_request",
    "test_the_event_loop_is_never_blocked",
    "test_a_failed_embedding_or_transcription_is_an_error",
    "test_a_model_can_do_what_the_adapter_can",
    "test_nothing_is_sent_before_the_first_event_is_requested",
    "test_events_do_not_depend_on_where_the_bytes_are_cut",
    "test_events_may_arrive_byte_by_byte",
    "test_lines_may_end_in_cr_and_lf",
    "test_streams_do_not_share_state",
    "test_the_model_list_is_the_same_each_time",
    "test_closing_a_stream_closes_its_connection",
    "test_cancelling_an_idle_stream_closes_its_connection",
    "test_the_session_stays_open",
    "test_the_contract_is_one_that_this_gateway_knows",
}
FAILED: dict[str, type[BaseException]] = {
    "test_a_long_answer_outlives_the_limits_of_the_session": TimeoutError,
    "test_a_conversation_is_sent_whole_and_in_order": AssertionError,
    "test_usage_is_that_of_the_whole_answer": AssertionError,
    "test_an_answer_cut_at_its_limit_says_so": TimeoutError,
    "test_thinking_is_not_text": TimeoutError,
    "test_calls_are_whole_and_end_the_turn": TimeoutError,
    "test_an_error_in_mid_stream_is_no_end": KeyError,
    "test_a_sample_of_the_fault_matrix_goes_well": AssertionError,
    "test_odd_rows_cost_no_more_than_themselves": TypeError,
    "test_a_lost_connection_is_an_error": aiohttp.ClientPayloadError,
    "test_an_early_end_never_looks_complete": TimeoutError,
    "test_garbage_is_a_protocol_error": json.JSONDecodeError,
    "test_an_html_page_is_a_protocol_error": ConnectionAbortedError,
    "test_a_rate_limit_keeps_its_delay": ConnectionError,
    "test_a_rejected_key_is_not_the_clients_error": ConnectionRefusedError,
    "test_an_error_response_keeps_its_message": ConnectionError,
    "test_a_session_that_raises_for_statuses_changes_nothing": aiohttp.ClientResponseError,
    "test_a_failing_service_is_not_the_clients_fault": ConnectionError,
    "test_a_redirect_is_not_followed": aiohttp.TooManyRedirects,
    "test_a_refused_connection_is_unavailable": aiohttp.ClientConnectorError,
    "test_a_failed_model_list_is_an_error": KeyError,
    "test_the_secret_is_never_shown": ConnectionRefusedError,
    "test_an_unknown_option_is_rejected": pytest.fail.Exception,
}
"""What goes wrong in each check: mostly that a library's own error comes through."""
SKIPPED = {
    "test_a_fill_in_is_text_between_both_sides",
    "test_every_input_has_its_vector",
    "test_a_recording_is_sent_whole_and_its_text_returned",
}
"""What is about operations that the naive adapter does not have."""
CHECKS = {name for name in dir(ProviderContract) if name.startswith("test_")}
