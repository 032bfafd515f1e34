"""Keys of LiteLLM's whose having no effect here nobody misses: what they turn off is not there, or is so already.

They are taken without a word.
"""

from __future__ import annotations

from proxy.config.known import names

EVERYWHERE = names("set_verbose telemetry")
"""`--debug` tells more; nothing is told to anybody."""
LITELLM_PARAMS = names("stream_chunk_size verbose")
LITELLM_SETTINGS = names("""
    blog_posts_url disable_hf_tokenizer_download disable_streaming_logging disable_token_counter log_level
    redact_messages_in_exceptions redact_user_api_key_info safe_memory_mode suppress_debug_info
    suppress_startup_output turn_off_message_logging
""")
"""No prompt, answer or key is logged, no tokenizer is loaded, nothing is printed over."""
ROUTER_SETTINGS = names("debug_level enable_pre_call_checks")
"""Limits are looked at before each attempt; a prompt that is too long has `context_window_fallbacks`."""
ALLOWED_FAILS_POLICY = names("""
    BadGatewayErrorAllowedFails BadRequestErrorAllowedFails ContentPolicyViolationErrorAllowedFails
    NotFoundErrorAllowedFails ServiceUnavailableErrorAllowedFails
""")
"""No deployment rests for what a client did; the rest is counted with InternalServerErrorAllowedFails."""
GENERAL_SETTINGS = names("""
    disable_error_logs disable_spend_logs disable_spend_updates health_check_interval proxy_batch_write_at
    user_header_name
""")
"""There is no database to be spared, and no upstream is asked for its health unless somebody asks."""
