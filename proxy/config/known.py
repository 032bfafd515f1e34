"""The keys that LiteLLM 1.109 knows and Sluice does not honour (yet): they are warned about, never errors.

Read from LiteLLM's settings classes and its documentation; names only. What loses nothing by having no effect here is
in `unmissed`.
"""

from __future__ import annotations

import re


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


OWN_SECTION = "x-"
"""Sections of the writer's own, mostly for anchors: nobody's business."""
TOP_LEVEL = names("""
    agent_list agents assistant_settings callback_settings default_vertex_config files_settings
    finetune_settings guardrails litellm_license mcp_aliases mcp_servers mcp_tools policies
    policy_attachments prompts sandbox_tools search_tools vector_store_registry worker_registry
""")
"""Sections."""
LITELLM_PARAMS = names("""
    allow_client_keepalive_override allowed_model_region
    assistant_continue_message azure bucket_name
    budget_duration cache cache_control_injection_points caching caching_groups chatgpt_auth_file
    client complete_response configurable_clientside_auth_params
    context_window_fallback_dict custom_prompt_dict custom_tokenizer daily_reset_time
    default_api_key_rpm_limit default_api_key_tpm_limit deployment_id dimension
    disable_add_transform_inline_image_block embedding_model enable_json_schema_validation
    enable_prompt_caching enable_tag_filtering ensure_alternating_roles extra_query fallbacks
    fastest_response final_prompt_value fireworks_forward_user_id force_timeout
    github_copilot_auth_type github_copilot_host github_copilot_user_session guardrails
    hf_model_name id ignore_invalid_deployments index_name initial_prompt_value itpm
    kubernetes_pod_discovery langfuse_prompt_version litellm_metadata litellm_request_debug
    litellm_session_id litellm_system_prompt litellm_trace_id logger_fn max_agentic_loops max_budget
    max_file_size_mb merge_reasoning_content_in_choices metadata mock_timeout model_info no_log otpm
    project prompt_environment prompt_id prompt_label prompt_manager prompt_variables prompt_version
    provider_affinity_header provider_specific_header reasoning_content region_name
    responses_api_version retry_policy retry_strategy roles routing_strategy rpd search_tool_name
    shared_session silent_model stream stream_options stream_timeout_by_service_tier tag_regex tags
    thought_signature_in_tool_call_id timeout_by_service_tier tokenizer tpd ttl
    use_chat_completions_api use_litellm_proxy use_xai_oauth user_continue_message
    vector_bucket_name vector_store_id
""")
"""`model_list[].litellm_params`; providers' credentials are PROVIDER_PARAM; prices, COST, are honoured."""
PROVIDER_PARAM = re.compile(
    "(aws|azure|vertex|s3|gcs|watsonx|bedrock|anthropic|milvus|valkey|token_exchange|openai_identity|openai_service"
    "|auto_router|adaptive_router|complexity_router|quality_router)_"
)
"""How LiteLLM's names for other providers and for its model-choosing routers begin."""
COST = re.compile("(^|_)costs?(_|$)|^tiered_pricing$")
"""What all its some 150 names of prices hold."""
MODEL_INFO = names("""
    access_groups access_via_team_ids access_windows allow_fail_open allowed_fails
    allowed_fails_policy blocked cache_control_ttl cooldown_time custom_tokenizer
    disable_background_health_check discoverable enable_tag_filtering enforce_supported_endpoints
    health_check_max_tokens health_check_max_tokens_non_reasoning health_check_max_tokens_reasoning
    health_check_model health_check_params health_check_reasoning_effort
    health_check_supports_max_tokens health_check_timeout health_check_voice internal_router_model
    itpm off_peak_pricing otpm regional_endpoint_uplift_multiplier
    regional_processing_uplift_multiplier_eu regional_processing_uplift_multiplier_us rpd rpm tags
    team_id team_public_model_name tpd tpm
""")
"""`model_list[].model_info`: names that change what LiteLLM does."""
DESCRIPTIVE = re.compile("supports_")
MODEL_INFO_DESCRIPTIVE = names("""
    aliases bedrock_converse_supports_strict_tools bedrock_output_config_effort_ceiling created_at
    created_by custom_metadata custom_tags db_model default_reasoning_effort deprecation_date
    description display_name key litellm_provider litellm_routing_preferences
    max_embedding_batch_size max_input_tokens max_output_tokens max_tokens member_auto_router
    metadata model_id model_info model_name original_model_id output_vector_size pricing_provider
    prompt_cache_min_tokens provider provider_specific_entry ptu_count ptu_effective_from
    ptu_effective_to ptu_shares reasoning_contexts reasoning_effort_levels reasoning_modes
    search_free_requests source successor_model supported_audio_formats
    supported_environments supported_modalities supported_openai_params supported_output_modalities
    supported_regions template thinking_always_on tier token_count_framing token_count_model
    token_count_tokenizer updated_at updated_by uses_embed_content vertex_ai_audio_api
    web_search_billing_unit
""")
"""`model_list[].model_info`: facts about the model, kept out without a word."""
ROUTER_SETTINGS = names("""
    alerting_config assistants_config background_health_check_model_groups
    cache_kwargs cache_responses caching_groups client_ttl default_priority
    deployment_affinity_ttl_seconds enable_health_check_routing
    enable_mid_stream_fallback_continuation enable_tag_filtering enable_weighted_failover
    fallback_on_unsupported_params guardrail_list health_check_ignore_transient_errors
    health_check_staleness_threshold ignore_invalid_deployments model_group_affinity_config
    polling_interval provider_budget_config redis_db redis_host
    redis_kwargs redis_password redis_port redis_startup_nodes redis_url router_general_settings
    routing_groups routing_strategy_args search_tools stream_timeout_by_service_tier
    tag_filtering_match_any tag_routing_prefix timeout_by_service_tier weights
""")
"""`router_settings`"""
ALLOWED_FAILS_POLICY = names("AuthenticationErrorAllowedFails RateLimitErrorAllowedFails")
"""`router_settings.allowed_fails_policy`: keys that will not do, or are at their limit, rest at once."""
RETRY_POLICY = names("DefaultRetries NotFoundErrorRetries ServiceUnavailableErrorRetries")
"""`router_settings.retry_policy`"""
LITELLM_SETTINGS = names("""
    add_function_to_prompt add_user_information_to_llm_headers agent_search_embedding_model
    aiohttp_trust_env allow_dynamic_callback_disabling always_include_stream_usage
    anthropic_beta_headers_url anthropic_key anthropic_messages_estimate_initial_input_tokens
    anthropic_prompt_caching_ttl anthropic_sse_ping_interval_seconds api_base api_key api_version
    apply_search_free_tier argilla_transformation_object audit_log_callbacks autorouter_presets_url
    aws_sqs_callback_params azure_content_safety_params azure_key batch_line_item_callbacks
    bedrock_neutralize_orphaned_tool_blocks bedrock_request_metadata_fields
    budget_exceeded_throttle_percentage budget_reset_time
    budget_rollover cache cache_params callback_settings check_provider_endpoint
    code_interpreter_interception_params cold_storage_custom_logger
    common_cloud_provider_auth_params compression_interception_params cost_discount_config
    cost_margin_config custom_prometheus_metadata_labels custom_prometheus_tags custom_prompt_dict
    custom_provider_map datadog_llm_observability_params datadog_params datadog_use_v1
    default_in_memory_ttl default_internal_user_params default_key_generate_params
    default_max_internal_user_budget default_redis_batch_cache_expiry default_redis_ttl
    default_soft_budget default_team_params default_team_settings disable_add_prefix_to_prompt
    disable_add_transform_inline_image_block disable_add_user_agent_to_request_tags
    disable_aiohttp_transport disable_aiohttp_trust_env
    disable_anthropic_gemini_context_caching_transform disable_copilot_system_to_assistant
    disable_end_user_cost_tracking disable_end_user_cost_tracking_prometheus_only
    disable_stop_sequence_limit disable_vertex_batch_output_transformation dynamodb_table_name
    enable_anthropic_prompt_caching
    enable_caching_on_provider_specific_optional_params
    enable_end_user_cost_tracking_prometheus_only enable_gemini_default_thinking_level_low
    enable_json_schema_validation enable_key_alias_format_validation
    enable_loadbalancing_on_batch_endpoints enable_model_config_credential_overrides
    enable_preview_features enable_redis_auth_cache expose_router_debug_in_errors
    extra_spend_tag_headers  filter_invalid_headers force_ipv4
    force_redis_hash_tag_grouping forward_traceparent_to_llm_provider gcs_pub_sub_use_v1
    gdc_api_base gemini_include_thoughts_default gemini_live_defer_setup generic_api_use_v1
    generic_logger_headers global_bitbucket_config global_disable_no_log_param global_gitlab_config
    global_prompt_directory google_moderation_confidence_threshold guardrails headers http2
    include_cost_in_streaming_usage input_callback internal_user_budget_duration key_alias_pattern
    key_generation_settings langfuse_default_tags langsmith_batch_size litellm_mode
    llamaguard_model_name llamaguard_unsafe_content_categories llm_guard_mode
    log_client_error_tracebacks logged_real_time_event_types longer_context_model_fallback_dict
    max_end_user_budget max_end_user_budget_id max_fallbacks max_internal_user_budget
    max_tokens max_ui_session_budget max_user_budget mcp_aliases mcp_semantic_tool_filter
    mcp_tool_search model_alias_map model_group_settings network_mock newrelic_params
    num_retries_per_request openai_key openai_moderations_model_name openai_system_messages_first
    organization otel_tenant_destination_mode output_parse_pii pointfive_params post_call_rules
    pre_call_rules predibase_tenant_id presidio_ad_hoc_recognizers presidio_logging_only
    priority_reservation priority_reservation_settings project
    prometheus_deployment_and_latency_caller_identity prometheus_emit_input_sequence_length_label
    prometheus_emit_rate_limit_labels prometheus_emit_stream_label
    prometheus_end_user_metrics_cleanup_interval_seconds
    prometheus_end_user_metrics_max_series_per_metric prometheus_end_user_metrics_ttl_seconds
    prometheus_exclude_labels prometheus_exclude_metrics prometheus_initialize_budget_metrics
    prometheus_latency_buckets prometheus_metrics_cleanup_interval_seconds prometheus_metrics_config
    prometheus_metrics_max_series_per_metric prometheus_metrics_ttl_seconds
    prometheus_user_budget_label_include_email_alias prompt_injection_params
    provider_url_destination_allowed_hosts proxy_auth public_agent_groups
    public_mcp_hub_strict_whitelist public_mcp_servers public_model_groups public_model_groups_links
    public_skills_index reasoning_auto_summary reasoning_effort_rounding request_correlation_in_logs
    require_managed_files responses retry_policy
    return_response_headers route_all_chat_openai_to_responses s3_audit_callback_params
    scim_admin_group scim_upsert_user service_callback service_callbacks
    skill_search_embedding_model skip_system_message_in_guardrail skip_tool_message_in_guardrail
    ssl_certificate ssl_ecdh_curve ssl_security_level standard_logging_payload_excluded_fields
    store_audit_logs strip_anthropic_total_tokens  tag_budget_config
    upperbound_key_generate_params use_aiohttp_transport
    use_chat_completions_url_for_anthropic_messages use_litellm_proxy user_url_allowed_hosts
    user_url_validation validate_end_user_id_in_db vector_store_search_failure_mode
    vertex_ai_safety_settings vertex_location vertex_project websearch_interception_params
    zerobus_params
""")
"""`litellm_settings`"""
GENERAL_SETTINGS = names("""
    accounting_capture accounting_sync_ack accounting_sync_ack_failure_policy
    accounting_sync_ack_timeout_seconds admin_only_routes admission_queue_timeout_seconds
    agent_access_default_deny alert_to_webhook_url alert_type_config alert_types alerting
    alerting_args alerting_threshold allow_cli_sso_verification_uri_complete
    allow_client_side_credentials allow_public_health_readiness_details
    allow_requests_on_db_unavailable allow_unmanaged_response_ids allow_user_auth
    allowed_file_extensions allowed_ips allowed_routes always_include_stream_usage
    apply_user_budget_to_team_keys auto_redirect_ui_login_to_sso
    background_health_check_model_groups background_health_checks blocked_file_extensions
    cancel_on_disconnect claude_code_gateway_managed_settings claude_code_marketplace_auth_required
    completion_model control_plane_url coordination_redis custom_auth custom_auth_run_common_checks
    custom_key_generate custom_key_policy custom_key_update custom_sso custom_team_metadata_validate
    custom_ui_sso_sign_in_handler database_args database_connect_timeout
    database_connection_pool_limit database_connection_pool_timeout database_connection_timeout
    database_disable_prepared_statements database_extra_connection_params
    database_max_idle_connection_lifetime database_socket_timeout database_type database_url
    default_team_disabled disable_adding_master_key_hash_to_db disable_auto_add_proxy_admin_to_teams
    disable_batch_input_file_rate_limiting disable_bedrock_agent_runtime_passthrough
    disable_budget_reservation disable_custom_api_keys disable_env_credential_login
    disable_fallbacks_on_per_model_rate_limits disable_key_generate_for_org_admin
    disable_master_key_return disable_model_info_refresh disable_password_login_when_sso_enabled
    disable_prisma_schema_update disable_requester_ip_address_logging disable_reset_budget
    disable_responses_id_security disable_retry_on_max_parallel_request_limit_error
    drain_endpoint_token enable_claude_code_gateway enable_drain_endpoint
    enable_health_check_routing enable_jwt_auth enable_mcp_registry enable_oauth2_auth
    enable_oauth2_proxy_auth enable_openai_websocket_passthrough enable_public_model_hub
    enforce_fallback_model_access enforce_rbac enforce_user_param enforced_params
    expose_fallback_errors_to_caller fail_closed_budget_enforcement
    fail_closed_rate_limit_enforcement failed_login_block_seconds failed_login_window_seconds
    forward_llm_provider_auth_headers global_max_parallel_requests health_check_concurrency
    health_check_details health_check_ignore_transient_errors
    health_check_skip_disabled_background_models health_check_staleness_threshold
    hide_default_credentials_hint include_call_id_in_error_body infer_model_from_keys
    key_management_settings key_management_system litellm_jwtauth litellm_license
    max_batch_file_records max_batch_file_size_mb max_batch_file_uploads_per_day max_budget
    max_failed_login_attempts_per_source max_failed_login_attempts_per_source_overrides
    max_file_downloads_per_minute max_file_size_mb max_in_flight_requests_per_worker
    max_parallel_requests max_queued_requests_per_worker max_response_size_mb
    maximum_autorouter_session_retention_period maximum_daily_tag_spend_retention_period
    maximum_health_check_retention_period maximum_spend_logs_cleanup_batch_size
    maximum_spend_logs_cleanup_batch_timeout maximum_spend_logs_cleanup_cron
    maximum_spend_logs_cleanup_max_batches maximum_spend_logs_cleanup_run_budget
    maximum_spend_logs_cleanup_target_size maximum_spend_logs_retention_interval
    maximum_spend_logs_retention_period maximum_spend_logs_size
    maximum_spend_logs_size_check_interval mcp_advertised_versions
    mcp_allow_all_keys_respects_mcp_scope mcp_allowed_clients mcp_client_id_header
    mcp_client_side_auth_header_name mcp_disabled_capabilities mcp_internal_ip_ranges
    mcp_prefer_client_id_metadata_document mcp_require_explicit_server_scope mcp_required_fields
    mcp_session_token_signing mcp_trusted_proxy_ranges mcp_xff_num_trusted_hops missing_session_id
    model_list_healthy_only oauth2_config_mappings otel pass_through_request_timeout
    passthrough_managed_object_ids password_policy_check_breached_passwords
    password_policy_min_length password_policy_require_lowercase password_policy_require_numbers
    password_policy_require_special_characters password_policy_require_uppercase plugins
    provider_url_destination_allowed_hosts proxy_batch_polling_interval
    proxy_budget_rescheduler_max_time proxy_budget_rescheduler_min_time
    proxy_config_reload_interval_seconds public_routes reject_clientside_metadata_tags
    request_tag_mappings require_auth_for_metrics_endpoint require_end_user_mcp_access_defined
    require_key_mcp_access_defined responses_websocket_session_limit_seconds return_wildcard_routes
    role_permissions scheduled_job_stagger search_tool_deny_by_default search_tools
    self_serve_budget_policy service_account_settings skip_batch_input_file_rate_limiting_for_models
    skip_batch_input_file_rate_limiting_for_providers spend_capture_rate_check
    spend_logs_metadata_fields spend_report_frequency store_model_in_db store_prompts_in_spend_logs
    supported_db_objects team_metadata_schema team_metadata_validation_error_message
    team_metadata_validation_timeout token_rate_limit_type tracing track_unmanaged_batch_cost
    transcribe_media_buckets trusted_proxy_ranges ui_access_mode use_aiohttp_transport
    use_azure_key_vault use_client_credentials_pass_through_routes use_google_kms
    use_redis_transaction_buffer use_shared_health_check use_spend_logs_partitioning
    use_team_public_model_name use_x_forwarded_for user_api_key_cache_max_size
    user_api_key_cache_ttl user_header_mappings user_mcp_management_mode user_url_allowed_hosts
    user_url_validation vector_store_deny_by_default vertex_ai_pass_through_drop_anthropic_betas
""")
"""`general_settings`"""
PASS_THROUGH_ENDPOINT = names("""
    cost_per_request default_query_params guardrails id is_from_config merge_query_params
""")
"""`general_settings.pass_through_endpoints[]`"""
PASS_THROUGH_HEADERS = frozenset({"LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "litellm_user_api_key"})
"""Names in an endpoint's `headers` that LiteLLM takes as instructions."""
CALLBACKS = names("""
    SlackAlerting agentops anthropic_cache_control_hook argilla arize arize_phoenix athina aws_sqs azure_sentinel
    azure_storage bitbucket braintrust clickhouse cloudzero custom_callback_api datadog datadog_cost_management
    datadog_llm_observability datadog_metrics deepeval dotprompt dynamic_rate_limiter dynamic_rate_limiter_v3
    dynamodb email focus galileo gcs_bucket gcs_pubsub gitlab greenscale helicone humanloop lago langfuse_otel
    langsmith langtrace levo literalai litellm_agent logfire lunary mavvrik mlflow newrelic openmeter opik
    pagerduty pointfive posthog promptlayer qualifire_eval ramp resend_email rubrik sendgrid_email sentry signoz
    slack smtp_email sumologic supabase ternary traceloop vantage vector_store_pre_call_hook wandb weave_otel zerobus
""")
"""Of `success_callback`, `failure_callback`, `callbacks`."""
