"""Parameters of single upstreams' own that are well known: sent to them without a word, as LiteLLM sends them.

Any other unknown key of `litellm_params` is sent as well, with a warning: OpenAI itself refuses what it does not know.
Sources: vLLM's and Ollama's API pages, OpenRouter's parameters, Anthropic's and Gemini's fields as LiteLLM names them.
"""

from __future__ import annotations

from proxy.config.known import names

WELL_KNOWN = names("""
    add_generation_prompt allowed_token_ids bad_words chat_template chat_template_kwargs
    continue_final_message documents enable_thinking ignore_eos include_reasoning
    include_stop_str_in_output length_penalty logits_processors min_p min_tokens prompt_logprobs
    repetition_penalty skip_special_tokens spaces_between_special_tokens stop_token_ids
    structured_outputs thinking_budget top_a top_k truncate_prompt_tokens typical_p use_beam_search
    guided_choice guided_grammar guided_json guided_regex guided_decoding_backend
    guided_whitespace_pattern format keep_alive mirostat mirostat_eta mirostat_tau num_batch num_ctx
    num_gpu num_keep num_predict num_thread options penalize_newline raw repeat_last_n
    repeat_penalty tfs_z think models plugins provider route transforms usage input_type
    safety_settings search_parameters task thinking thinking_config safe_prompt random_seed
    reasoning_split reasoning_format
""")
