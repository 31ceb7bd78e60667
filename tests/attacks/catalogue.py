"""Which test holds which vector of RX, GR, MO and TC1 to TC8, and of GH5 to GH8.

By case and vector, with every place where it is tried; a name stands for a test function, whatever
its parameters. `test_catalogue.py` holds this table against the tests that there are.
"""

from __future__ import annotations

SANDBOX = "tests/integration/test_sandbox.py"
CHECKS = "tests/integration/test_checks.py"
ENVIRONMENTS = "tests/integration/test_environments.py"
FLAKY = "tests/integration/test_flaky.py"
EGRESS = "tests/integration/test_egress.py"
GIT = "tests/integration/test_git_attacks.py"
REMOTE = "tests/integration/test_remote_git.py"
DOCTOR = "tests/integration/test_doctor.py"
TREE = "tests/unit/git/test_tree.py"
READERS = "tests/unit/checks/test_readers.py"
FOREIGN = "tests/attacks/test_foreign_code.py"
ESCAPE = "tests/attacks/test_rx3_escape.py"
NETWORK = "tests/attacks/test_rx4_network.py"
EXHAUSTION = "tests/attacks/test_rx6_exhaustion.py"
GR_SANDBOXES = "tests/attacks/test_gr_sandboxes.py"
WHOLE = "tests/attacks/test_whole_runs.py"
CALLS = "tests/attacks/test_hostile_calls.py"
MODELS = "tests/attacks/test_hostile_models.py"
RULES = "tests/unit/policy/test_rules.py"
CHEATED = "tests/attacks/test_cheated_tests.py"
TOOLS = "tests/unit/editing/test_tools.py"
PLANS = "tests/unit/stages/test_candidates.py"
LOOP = "tests/unit/editing/test_loop.py"
PROMPTS = "tests/unit/editing/test_prompting.py"
CHAT = "tests/integration/test_chat_model.py"
RUNS = "tests/flow/test_model_runs.py"
RESUMED = "tests/flow/test_resumed.py"

COMMENT_HANDLER = "tests/integration/test_comment_handler.py"
LISTENING = "tests/integration/test_listening.py"
BRANCHES = "tests/integration/test_pull_branch.py"
INTAKE = "tests/unit/test_intake.py"
PAYLOADS = "tests/unit/webhooks/test_github_conversation.py"
THREADS = "tests/unit/stages/test_follow_up_threads.py"
SHAPES = "tests/unit/publishing/test_shapes.py"
RUN_PROGRESS = "tests/unit/test_run_progress.py"
PUBLISH = "tests/unit/stages/test_publish.py"
STOPS = "tests/flow/test_stops.py"
REVIEW = "tests/flow/test_review.py"
ISSUES = "tests/flow/test_issues.py"
RARE = "tests/flow/test_issues_rare.py"
KILLS = "tests/flow/test_kills.py"
FORGED = "tests/flow/test_forged_runs.py"
LOCAL = "tests/flow/test_local.py"

_INSTALLED = (FOREIGN, "test_RX1_install_hooks_achieve_nothing")
_ARCHIVE = (FOREIGN, "test_RX1_a_source_archive_of_the_index_achieves_nothing")
_ADDRESSES = (FOREIGN, "test_RX1_nothing_is_fetched_from_an_address_of_the_repositorys_choice")
_IMPORTED = (FOREIGN, "test_RX2_import_time_code_achieves_nothing")
_POSING = (FOREIGN, "test_RX2_what_poses_as_a_tool_is_not_taken_for_it")
_OUTSIDE = (FOREIGN, "test_RX2_nothing_of_it_ran_outside_of_a_sandbox")
_SAID = (FOREIGN, "test_RX2_nothing_secret_stands_in_what_checks_said")
_NEXT = (FOREIGN, "test_RX8_the_next_run_is_as_if_there_had_been_no_attack")
_WRITTEN = (FOREIGN, "test_RX8_what_checks_wrote_is_in_no_tree_and_no_environment")
_RETURNED = (FOREIGN, "test_RX7_what_a_build_hands_back_is_read_within_bounds")
_ESCAPE = (ESCAPE, "test_RX3_no_attempt_at_escape_works_in_a_sandbox")
_ESCAPE_CONTROL = (ESCAPE, "test_RX3_each_attempt_works_where_there_is_no_wall")
_KERNEL = (SANDBOX, "test_kernel_calls_that_only_an_escape_needs_are_refused")
_SILENT = (NETWORK, "test_RX4_nothing_gets_out_of_a_sandbox")
_CONTROL = (NETWORK, "test_RX4_the_payload_gets_out_by_every_way_where_there_is_no_wall")
_INDEX = (NETWORK, "test_RX4_the_way_to_the_index_leads_nowhere_else")
_LIMITS = (EXHAUSTION, "test_RX6_the_limit_is_named_and_the_neighbour_unaffected")
_ORPHAN = (EXHAUSTION, "test_RX6_whoever_has_left_the_session_does_not_outlive_the_sandbox")
_SHOWN = (EXHAUSTION, "test_RX6_floods_are_shown_live_in_part_and_hold_nobody_up")
_WORDS = (READERS, "test_each_limit_has_its_words")
_RUN = (
    WHOLE,
    "test_RX2_RX8_GR2_GR3_a_run_of_a_hostile_repository_publishes_the_edit_and_nothing_else",
)
_FORGED = (FORGED, "test_no_forgery_is_published_as_ready")
_PLANTED = (WHOLE, "test_RX8_GR7_what_is_planted_beside_the_asked_migration_is_not_taken")
_GIT_IN_SANDBOX = (GR_SANDBOXES, "test_GR2_GR4_GR7_what_a_sandbox_writes_for_git_is_read_by_nobody")
_GIT_CONTROL = (GR_SANDBOXES, "test_GR2_the_same_poison_works_on_a_git_that_reads_it")
_FORGERIES = (CHECKS, "test_no_forgery_of_a_test_run_passes")
_GONE = (CHECKS, "test_tests_that_no_longer_run_are_missed")
_LIES = (CHECKS, "test_no_lie_hides_a_missing_migration")
_TYPES = (CHECKS, "test_no_forgery_of_a_type_check_passes")
_GR1 = (GIT, "test_gr1_a_base_that_is_not_a_name_is_refused")
_GR1_ADDRESS = (GIT, "test_gr1_an_address_is_not_a_folder")
_GR1_BRANCH = (
    GIT,
    "test_gr1_gr8_a_branch_name_that_is_none_or_looks_like_another_is_refused",
)
_GR3 = (GIT, "test_gr3_rewritten_addresses_lead_nowhere")
_GR3_TOKEN = (REMOTE, "test_a_redirect_does_not_take_the_token_elsewhere")
_GR5 = (GIT, "test_gr5_dangerous_gitmodules_are_refused_by_name")
_GR5_ENTERED = (GIT, "test_gr5_submodules_are_not_entered")
_GR6 = (GIT, "test_gr6_attributes_change_no_byte")
_GR7_LINK = (GIT, "test_gr7_a_symlink_out_of_the_tree_is_refused")
_GR8_NAMES = (GIT, "test_gr8_names_that_cannot_be_worked_with_are_refused")
_GR8_SAME = (GIT, "test_gr8_names_that_look_the_same_are_refused")

_BROKEN = (CALLS, "test_MO1_a_reply_that_is_broken_comes_to_a_named_end")
_EVERY_WIRE = (CALLS, "test_MO1_so_it_does_on_every_wire")
_SENSES = (CALLS, "test_MO1_a_model_that_comes_to_its_senses_is_heard")
_MEASURE = (CHAT, "test_a_reply_without_end_is_broken_off_and_not_asked_for_again")
_NO_WAY_OUT = (CALLS, "test_MO2_no_edit_leads_out_of_the_tree")
_ANSWERED = (TOOLS, "test_what_cannot_be_done_is_the_answer_of_its_call")
_WITHOUT_END = (CALLS, "test_MO4_work_without_end_is_ended")
_OBEDIENT = (
    MODELS,
    "test_TC5_TC7_MO2_a_model_that_obeys_every_text_changes_nothing_but_what_was_asked",
)
_HIDDEN = (MODELS, "test_TC5_no_place_where_text_can_hide_has_an_effect")
_CHEATING = (MODELS, "test_MO6_a_change_that_cheats_is_refused_by_name")
_CHEATED = (CHEATED, "test_RX5_MO6_tests_that_are_cheated_are_never_ready")
_CLOSED = (PLANS, "test_the_first_call_is_a_plan_and_nothing_is_done_before")
_PASSES = (CHAT, "test_what_may_pass_is_tried_again")
_NEVER = (CHAT, "test_what_never_passes_is_tried_once")
_NOT_HEARD = (COMMENT_HANDLER, "test_TC2_who_may_not_write_is_not_heard_and_gets_no_answer")
_UNSEEN = (THREADS, "test_TC2_what_a_stranger_writes_in_a_thread_of_a_maintainer_is_seen_by_nobody")
_THREADS_RUN = (REVIEW, "test_TC2_TC7_five_threads_are_answered_on_top_of_a_persons_commit")
_NOBODYS = (REVIEW, "test_TC2_a_remark_of_who_may_write_becomes_a_commit")
_SUGGESTED = (
    REVIEW,
    "test_TC7_GH4_a_suggestion_and_a_model_that_obeys_change_nothing_that_is_protected",
)
_MAY_NOT = (ISSUES, "test_TC1_TC3_a_label_of_whoever_may_not_write_starts_nothing")
_STRANGERS = (
    ISSUES,
    "test_TC2_TC4_TC5_TC8_nothing_that_strangers_write_on_an_issue_changes_what_is_done",
)
_POLLED = (KILLS, "test_TC1_TC4_an_edited_text_and_a_label_without_the_right_start_nothing")
_LIVED_WITH = (
    ISSUES,
    "test_GH6_limits_garbage_tokens_that_end_and_a_base_that_moves_are_lived_with",
)
_NOT_AS_IT_WAS = (RARE, "test_GH6_a_base_that_is_not_what_it_was_is_an_honest_end")
_CONFLICT = (
    REVIEW,
    "test_a_conflict_with_the_base_is_stated_and_a_check_that_is_red_there_is_left",
)
_LABELLED = (INTAKE, "test_TC1_a_label_by_anybody_else_starts_nothing")
_TAKEN_BACK = (STOPS, "test_GH7_an_issue_that_is_taken_back_ends_its_run_wherever_it_is")
_AT_ONCE = (ISSUES, "test_GH7_an_issue_that_is_taken_back_stops_its_sandbox_at_once")
_ENDED_BY_PEOPLE = (
    ISSUES,
    "test_what_no_recipe_fits_goes_to_a_person_and_is_tried_again_with_other_words",
)
_AFTER = (STOPS, "test_GH7_what_comes_after_the_pull_request_is_open_takes_nothing_away")
_ECHO = (REVIEW, "test_GH8_a_program_that_answers_every_word_of_ours_comes_to_an_end")

Place = tuple[str, str]
CASES: dict[str, dict[str, tuple[Place, ...]]] = {
    "RX1": {
        "setup.py": (_INSTALLED, _CONTROL),
        "PEP 517 backend": (
            _INSTALLED,
            _ARCHIVE,
            (ENVIRONMENTS, "test_a_build_backend_reaches_nothing_outside_its_sandbox"),
        ),
        "editable": (_INSTALLED,),
        "direct URL": (_ADDRESSES,),
        "post-install network": (_INSTALLED, _ARCHIVE, _OUTSIDE),
        "start-up files of a package": (
            (ENVIRONMENTS, "test_a_pth_file_of_a_package_never_runs_while_the_environment_is_made"),
        ),
        "only the index is reachable": (_INDEX, (EGRESS, "test_from_a_sandbox_only_the_index_is_reached")),
        "no secret in the environment": (_INSTALLED, _ARCHIVE),
    },
    "RX2": {
        "conftest": (_IMPORTED, _RUN),
        "-p": (_IMPORTED,),
        "entry point": (_IMPORTED,),
        ".pth": (_IMPORTED,),
        "sitecustomize": (_IMPORTED,),
        "settings.py": (_IMPORTED, _RUN),
        "manage.py": (_IMPORTED,),
        "mypy plugin": (_IMPORTED,),
        "shadow pytest.py": (_POSING, (CHECKS, "test_a_module_that_poses_as_pytest_changes_nothing")),
        "the environment is clean": (_SAID, _RUN),
        "the host imports nothing": (_OUTSIDE, _RUN),
    },
    "RX3": {
        "engine socket": (_SILENT,),
        "/proc/1/root": (_ESCAPE, _ESCAPE_CONTROL),
        "core_pattern": (_ESCAPE, _ESCAPE_CONTROL),
        "cgroup": (_ESCAPE, _ESCAPE_CONTROL),
        "ptrace": (_ESCAPE, _ESCAPE_CONTROL, _KERNEL),
        "new user namespace": (_ESCAPE, _ESCAPE_CONTROL, _KERNEL),
        "setuid": (_ESCAPE, _ESCAPE_CONTROL),
        "keyctl": (_ESCAPE, _ESCAPE_CONTROL, _KERNEL),
        "raw and abstract sockets": (_ESCAPE, _ESCAPE_CONTROL, _SILENT),
        "root, capabilities, privileges, the root's files": (_ESCAPE, _ESCAPE_CONTROL),
        "checked at the start": (
            (DOCTOR, "test_every_limit_of_a_kind_holds"),
            (DOCTOR, "test_a_broken_wall_is_named_as_the_reason_to_refuse"),
        ),
    },
    "RX4": {
        "TCP": (_SILENT, _CONTROL),
        "UDP": (_SILENT, _CONTROL),
        "DNS TXT": (_SILENT, _CONTROL),
        "ICMP": (_SILENT, _CONTROL),
        "IPv6": (_SILENT, _CONTROL),
        "host loopback": (_SILENT, _CONTROL),
        "metadata IP": (_SILENT, _INDEX),
        "our own API": (_SILENT, _CONTROL),
        "pushes via an allowed host": (_INDEX,),
        "attempts are known": (_INDEX, (EGRESS, "test_another_host_or_port_is_refused_and_noted")),
    },
    "RX5": {
        "exit status": (_FORGERIES, (CHECKS, "test_no_forgery_of_a_script_passes")),
        "reports": (_FORGERIES,),
        "os._exit": (_FORGERIES,),
        "addopts": (_FORGERIES,),
        "shadow pytest.py": (_FORGERIES,),
        "mypy plugin and configuration": (_TYPES,),
        "order and seal": (
            (CHECKS, "test_a_package_that_runs_when_python_starts_finds_no_order"),
            (CHECKS, "test_what_pythonpath_brings_in_finds_no_order"),
            (CHECKS, "test_no_variable_of_the_repository_makes_red_tests_pass"),
        ),
        "deleted tests": (_GONE, _CHEATED),
        "skip-all": (_FORGERIES, _GONE, _CHEATED),
        "source that patches the tools": (_CHEATED,),
        "MIGRATION_MODULES off": (_LIES,),
        "custom makemigrations": (_LIES,),
        "gate from base": (
            _CHEATED,
            (CHECKS, "test_a_change_of_the_type_rules_is_first_held_to_those_of_base"),
        ),
        "before our scripts": (
            (FOREIGN, "test_RX5_no_package_has_its_code_run_before_ours"),
        ),
        "run again": (
            (FLAKY, "test_a_change_cannot_forge_that_a_test_passes_when_it_is_run_alone"),
        ),
        "unverified is said": (_FORGED,),
    },
    "RX6": {
        "fork bomb": (_LIMITS,),
        "memory hog": (_LIMITS,),
        "disk and inode fill": (_LIMITS, (SANDBOX, "test_a_writable_mount_is_bounded_too")),
        "10^9 log lines": (_LIMITS, _SHOWN),
        "SIGTERM ignored": (_LIMITS,),
        "setsid orphan": (_ORPHAN,),
        "neighbour unaffected": (_LIMITS,),
        "the limit is named in the outcome": (
            _LIMITS,
            _WORDS,
            (LOCAL, "test_RX6_the_limit_that_ended_the_tests_is_named"),
            (LOCAL, "test_RX6_tests_that_write_outside_and_print_ten_million_lines_are_bounded"),
        ),
    },
    "RX7": {
        "entity bomb": (_RETURNED,),
        "1 GB report": (_RETURNED, _FORGERIES),
        "report as a symlink": (_RETURNED, _FORGERIES),
        "report as a FIFO": (_RETURNED, _FORGERIES, (SANDBOX, "test_links_pipes_and_too_large_files_stay_in_the_sandbox")),
        "zip bomb": (_RETURNED,),
    },
    "RX8": {
        "caches": (_NEXT, _WRITTEN),
        "image and tools": (_NEXT, _WRITTEN),
        "tmp": (_NEXT,),
        "builders": (
            _NEXT,
            (ENVIRONMENTS, "test_a_repository_cannot_plant_a_backend_that_builds_others"),
        ),
        "environment": (
            _NEXT,
            _WRITTEN,
            (ENVIRONMENTS, "test_code_that_takes_part_in_the_build_has_an_environment_of_its_own"),
        ),
        "edits after the last edit": (
            _WRITTEN, _RUN, _PLANTED,
            (CHECKS, "test_what_the_checks_write_is_not_in_the_tree_afterwards"),
        ),
    },
    "GR1": {
        "options as names": (_GR1, _GR1_BRANCH),
        "ext:: and other addresses": (_GR1_ADDRESS,),
        "newline in a name": (_GR1, _GR1_BRANCH),
        "@{...}": (_GR1, _GR1_BRANCH),
    },
    "GR2": {
        "hooks and keys in the repository": ((GIT, "test_gr2_nothing_of_a_poisoned_repository_runs"), _RUN),
        "the environment": ((GIT, "test_gr2_nothing_of_the_environment_reaches_git"),),
        "written by tests in a sandbox": (_GIT_IN_SANDBOX, _GIT_CONTROL, _RUN),
    },
    "GR3": {
        "insteadOf": (_GR3,),
        "pushurl": (_GR3,),
        "http.proxy": (_GR3,),
        "extraHeader": (_GR3, _RUN),
        "include.path": (_GR3,),
        "the token": (_GR3_TOKEN,),
    },
    "GR4": {
        "gitfile": ((GIT, "test_gr4_a_gitfile_to_another_repository_is_refused"), _GIT_IN_SANDBOX),
        "commondir": ((GIT, "test_gr4_a_commondir_elsewhere_is_refused"),),
        "alternates": ((GIT, "test_gr4_objects_from_elsewhere_are_refused"), _GIT_IN_SANDBOX),
        "nested bare repository": ((GIT, "test_gr4_a_repository_inside_the_tree_is_only_files"),),
        "clone of another user": ((GIT, "test_gr4_a_clone_of_another_user_is_used_and_stays_theirs"),),
        "no foreign object travels": ((GIT, "test_gr4_only_the_new_objects_travel"),),
    },
    "GR5": {
        "dash URL": (_GR5,),
        "CR path": (_GR5_ENTERED,),
        "symlink folder": (
            (GIT, "test_gr5_a_linked_gitmodules_is_refused"),
            (GIT, "test_gr5_a_link_and_a_submodule_that_share_a_name_are_refused"),
        ),
        "URL on loopback": (_GR5_ENTERED,),
    },
    "GR6": {
        "filter, merge driver, textconv": (_GR6,),
        "working-tree-encoding": (_GR6,),
        "LFS pointer": (_GR6,),
    },
    "GR7": {
        "symlink to a file": (_GR7_LINK, _GIT_IN_SANDBOX),
        "symlink to a folder": (_GR7_LINK, _GIT_IN_SANDBOX),
        "hardlink": (
            (TREE, "test_a_hard_link_is_not_read_and_not_written_through"), _GIT_IN_SANDBOX,
        ),
        "FIFO": (
            (GIT, "test_gr7_a_pipe_in_the_git_directory_does_not_hang"),
            (GIT, "test_gr7_odd_files_in_the_work_tree_do_not_hang"),
            _GIT_IN_SANDBOX,
        ),
        "device": ((TREE, "test_a_pipe_or_device_is_refused_without_waiting"),),
        "exchanged while it is written": (
            (TREE, "test_a_folder_exchanged_for_a_link_while_writing_leads_nowhere"),
        ),
        "planted names": (_PLANTED,),
    },
    "GR8": {
        "path bomb": (
            (GIT, "test_gr8_ten_billion_paths_are_refused_at_once"),
            (GIT, "test_gr8_endless_folders_without_a_file_are_refused_at_once"),
        ),
        "huge blob": (
            (GIT, "test_gr8_a_huge_file_is_refused_before_it_is_copied"),
            (REMOTE, "test_GR8_a_repository_that_is_too_large_is_refused_and_nothing_of_it_stays"),
        ),
        "a million refs": ((GIT, "test_gr8_refs_without_number_are_refused"),),
        "case and NFC": (_GR8_SAME,),
        "newline, ANSI, dash": (_GR8_NAMES,),
        "full-width": (_GR8_SAME, _GR1_BRANCH),
    },
    "MO1": {
        "bad JSON": (_BROKEN, _EVERY_WIRE, _SENSES),
        "cut stream": (_BROKEN,),
        "wrong types": (_BROKEN, _ANSWERED),
        "unknown tool": (_BROKEN, _ANSWERED),
        "duplicate ids": (_EVERY_WIRE, (TOOLS, "test_a_call_that_is_no_json_is_answered")),
        "lone surrogates": (
            _EVERY_WIRE, (CHAT, "test_halves_of_surrogate_pairs_are_written_out"),
        ),
        "10 MB argument": (
            _BROKEN, _MEASURE,
            (CHAT, "test_a_reply_without_end_is_broken_off_and_not_asked_for_again"),
        ),
        "thousands of calls": (_BROKEN, _MEASURE),
        "calls after the form": ((LOOP, "test_nothing_is_done_after_the_form"),),
        "a whole run": (
            (RESUMED, "test_one_that_is_terminated_is_kept_and_one_that_gave_up_is_not"),
        ),
    },
    "MO2": {
        "../, absolute, ~": (_NO_WAY_OUT, _ANSWERED, _OBEDIENT),
        ".git and .GIT": (_NO_WAY_OUT, _ANSWERED, _OBEDIENT),
        "NUL and control characters": (_NO_WAY_OUT, _ANSWERED),
        "links": ((TOOLS, "test_a_link_is_told_not_taken_and_goes_with_the_change"),),
        "/proc/self/environ": (_NO_WAY_OUT, _OBEDIENT),
        "in a plan": (_CLOSED,),
    },
    "MO3": {
        "a shell": (_OBEDIENT,),
        "a path like an option": (_ANSWERED,),
    },
    "MO4": {
        "same call": (_WITHOUT_END,),
        "A-B-A-B": (_WITHOUT_END,),
        "something new for ever": (_WITHOUT_END,),
        "budget, resumable": (
            (CALLS, "test_MO4_or_its_budget_ends_it_with_the_work_kept"),
            (RESUMED, "test_what_ended_at_its_budget_goes_on_with_as_much_again"),
        ),
        "an endless reply": ((CHAT, "test_a_reply_that_takes_too_long_is_broken_off"),),
    },
    "MO5": {
        "thousands of files": ((RULES, "test_a_rule_finds"),),
    },
    "MO6": {
        "workflows, CODEOWNERS": (_CLOSED, _OBEDIENT),
        "gate configuration": (_CHEATING, _CHEATED),
        "assert True": (_CHEATING, _CHEATED),
        "bidi": (_CHEATING, (RULES, "test_a_rule_finds")),
    },
    "MO7": {
        "all green with red": ((RUNS, "test_MO7_a_model_that_claims_success_changes_no_fact"), _CHEATING),
    },
    "MO8": {
        "401, refusal, context overflow": (
            _NEVER,
            (CHAT, "test_a_refusal_is_final"),
            (CHAT, "test_the_key_goes_to_its_provider_and_into_no_text"),
        ),
        "429 and 5xx": (_PASSES, (CHAT, "test_a_wait_that_is_asked_for_is_kept")),
        "stall and empty": (_PASSES, (CHAT, "test_a_model_that_stalls_in_its_reply_is_asked_again")),
    },
    "TC1": {
        "triage role": (
            _MAY_NOT, _POLLED, _LABELLED,
        ),
        "a bot": (
            (INTAKE, "test_TC3_bots_start_nothing_and_nobody_is_asked"),
            _MAY_NOT,
        ),
        # The reporter is then who has set it.
        "issue template": (_LABELLED,),
        "a right that was taken away": (_MAY_NOT,),
        "a freed name": (
            (INTAKE, "test_TC1_a_name_that_another_account_has_by_now_lends_nobody_its_right"),
            (INTAKE, "test_TC1_a_name_that_nobody_has_any_more_has_no_right"),
        ),
    },
    "TC2": {
        "stranger": (
            _NOT_HEARD, _UNSEEN, _THREADS_RUN, _STRANGERS,
            (LISTENING, "test_TC2_what_is_heard_goes_through_the_lane"),
            (THREADS, "test_TC2_who_may_not_ask_is_not_answered"),
            (PAYLOADS, "test_TC2_a_strangers_words_are_kept_as_his"),
        ),
        "read-only reviewer": (_NOT_HEARD, _NOBODYS),
        "a stranger's thread taken up": (
            (THREADS, "test_TC2_a_strangers_thread_that_a_maintainer_takes_up_holds_the_maintainers_words_alone"),
        ),
        "revoked writer": (
            (COMMENT_HANDLER, "test_TC2_a_right_that_was_taken_away_meanwhile_does_not_count"),
        ),
        "another pull request": (
            (COMMENT_HANDLER, "test_a_review_of_another_pull_request_costs_no_question"),
            (LISTENING, "test_a_pull_request_of_ours_is_listened_to_and_another_is_not"),
        ),
    },
    "TC3": {
        "other bots": (
            (COMMENT_HANDLER, "test_TC3_bots_and_our_own_words_are_not_heard"),
            (PAYLOADS, "test_TC3_GH8_what_a_bot_writes_is_not_even_kept"),
            _MAY_NOT,
        ),
        "a name like another's": (
            (COMMENT_HANDLER, "test_TC3_another_account_that_has_the_name_now_is_not_heard"),
            (COMMENT_HANDLER, "test_TC3_a_renamed_account_is_not_heard_by_its_old_name"),
            (THREADS, "test_TC3_an_account_that_has_the_name_of_a_maintainer_is_not_heard"),
            (PAYLOADS, "test_TC3_words_under_another_name_than_the_senders_are_nobodys"),
        ),
        "our own comment that quotes the command": (
            (COMMENT_HANDLER, "test_TC3_bots_and_our_own_words_are_not_heard"),
            (LISTENING, "test_TC2_what_is_heard_goes_through_the_lane"),
        ),
    },
    "TC4": {
        "edited between label and fetch": (
            _STRANGERS, _POLLED,
            (INTAKE, "test_TC4_a_text_edited_after_the_label_starts_nothing_and_says_how_it_does"),
        ),
        "edited during the run": (_STRANGERS,),
        "edited after a command": (
            (COMMENT_HANDLER, "test_TC4_a_text_that_was_edited_after_the_command_is_not_taken"),
        ),
        "edited comment": (
            (PAYLOADS, "test_TC4_editing_a_comment_never_triggers"),
            (COMMENT_HANDLER, "test_TC4_words_that_were_found_edited_are_asked_for_anew"),
            (LISTENING, "test_TC4_a_comment_that_was_edited_is_known_by_that_and_an_old_one_is_not_heard"),
            (ISSUES, "test_TC4_a_plan_is_changed_and_approved_once_before_anything_is_edited"),
        ),
        "deleted comment": (
            (COMMENT_HANDLER, "test_TC4_a_word_that_was_deleted_before_it_is_heard_does_not_count"),
        ),
        "another plan": (
            (COMMENT_HANDLER, "test_TC4_a_plan_is_not_approved_without_its_number"),
            (COMMENT_HANDLER, "test_TC4_another_plan_than_the_one_that_waits_is_not_approved"),
            (COMMENT_HANDLER, "test_TC4_a_plan_that_was_changed_is_approved_by_number_alone"),
            (COMMENT_HANDLER, "test_two_people_who_command_at_once_have_one_effect_and_each_is_told"),
        ),
        "later comments": (
            (COMMENT_HANDLER, "test_TC4_what_is_said_while_a_run_is_at_work_is_dropped"),
        ),
    },
    "TC5": {
        "comment, picture, alt, title, details, definition": (_HIDDEN, _OBEDIENT, _STRANGERS),
        "zero-width, tags, bidi, entities": (_HIDDEN, _STRANGERS),
        "in ticket, notes, pages and code": (_HIDDEN,),
    },
    "TC6": {
        "in words, encoded": ((PUBLISH, "test_TC6_a_secret_in_title_tests_or_log_leaves_nowhere"),),
        "in files, encoded, as a name": ((PUBLISH, "test_TC6_a_secret_in_the_change_stops_the_run_before_the_push"),),
        "by a test": (_IMPORTED,),
        "of unknown shape, escaped or cut": (
            (SHAPES, "test_TC6_no_field_of_a_text_tells_a_credential"),
            (SHAPES, "test_TC6_a_cut_leaves_no_part_of_a_credential"),
        ),
        "in a plan that is shown": (
            (RUN_PROGRESS, "test_TC6_a_secret_in_a_models_plan_or_in_a_reason_to_wait_is_told_nobody"),
        ),
    },
    "TC7": {
        "fake turns and marks": (_OBEDIENT, (PROMPTS, "test_foreign_words_cannot_end_their_fence")),
        "AGENTS.md, file names, comments, output": (_OBEDIENT,),
        "orders in a review": (_SUGGESTED, _THREADS_RUN),
    },
    "TC8": {
        "huge body, images, addresses": (
            _STRANGERS,
            (PAYLOADS, "test_TC8_a_text_that_is_too_long_is_cut_and_no_failure"),
        ),
        "thousands of comments": (
            _STRANGERS,
            (LISTENING, "test_TC8_a_flood_of_words_is_heard_to_its_end"),
        ),
        "hundreds of threads": (
            (THREADS, "test_TC8_a_flood_of_threads_is_answered_twenty_at_a_time_and_says_how_many_are_left"),
            (THREADS, "test_GH2_a_crowd_of_strangers_costs_a_few_questions_and_hides_nobody_who_has_just_spoken"),
        ),
    },
    "GH5": {
        "ours from an earlier crash": (
            (KILLS, "test_WH3_GH5_a_worker_that_is_killed_at_its_pull_request_leaves_nothing_twice"),
            (REMOTE, "test_a_run_that_began_anew_on_a_newer_base_moves_its_own_branch"),
        ),
        "a stranger's content": (
            (REMOTE, "test_GH5_a_strangers_branch_is_left_alone"),
        ),
        "commits of people": (
            (REMOTE, "test_GH5_a_branch_with_a_persons_commit_on_top_is_left_alone"),
            (REMOTE, "test_GH5_our_commit_amended_by_a_person_is_left_alone"),
        ),
        "commits of people between follow-ups": (
            _THREADS_RUN,
            (BRANCHES, "test_somebody_who_is_quicker_in_the_last_moment_loses_nothing"),
            (BRANCHES, "test_a_branch_that_a_person_rewrote_is_theirs"),
            (BRANCHES, "test_with_commits_of_people_the_base_is_merged_and_nothing_of_theirs_goes"),
        ),
    },
    "GH6": {
        "force-push": (
            _NOT_AS_IT_WAS,
            (BRANCHES, "test_a_base_whose_history_was_rewritten_takes_nothing_away"),
        ),
        "delete": (_NOT_AS_IT_WAS,),
        "rename": (
            (RARE, "test_WH6_a_repository_renamed_between_label_and_run_ends_without_a_pull_request"),
            _NOT_AS_IT_WAS,
        ),
        "moved": (
            _LIVED_WITH,
            (REVIEW, "test_a_base_that_moved_is_merged_in_and_the_checks_run_on_that"),
        ),
        "conflict": (_CONFLICT,),
    },
    "GH7": {
        "label removed": (_TAKEN_BACK, _AT_ONCE),
        "issue closed": (
            _TAKEN_BACK, _AT_ONCE,
            (PUBLISH, "test_GH7_an_issue_that_is_closed_after_the_push_gets_no_pull_request_and_no_branch"),
        ),
        "issue transferred": (_AT_ONCE,),
        "issue locked": (_AT_ONCE,),
        "pull request merged or closed": (
            (PUBLISH, "test_GH7_a_pull_request_that_was_merged_meanwhile_gets_its_branch_not_back"),
            _ENDED_BY_PEOPLE,
        ),
        "stopped by a word": (
            (STOPS, "test_a_run_is_stopped_wherever_it_is_and_nothing_of_it_stays"),
            (ISSUES, "test_an_operator_stops_a_sandbox_and_lets_the_run_go_on_where_it_was"),
            _AFTER,
        ),
        "after the pull request is open": (_AFTER,),
    },
    "GH8": {
        "what is ours comes back": (
            (
                ISSUES,
                "test_GH8_a_labelled_issue_becomes_one_checked_pull_request_however_often_it_is_told",
            ),
            (PAYLOADS, "test_TC3_GH8_what_a_bot_writes_is_not_even_kept"),
        ),
        "two bots": (
            (ISSUES, "test_GH8_an_unclear_issue_is_answered_by_who_may_write_and_then_done"),
            _ECHO,
        ),
        "a program with a person's account": (
            _ECHO,
            (COMMENT_HANDLER, "test_GH8_an_answer_too_many_begins_nothing_and_is_told_once"),
            (COMMENT_HANDLER, "test_GH8_whoever_answers_every_word_of_ours_gets_ten_and_then_a_sign_alone"),
            (COMMENT_HANDLER, "test_GH8_comments_begin_so_many_runs_of_an_issue_and_no_more"),
            (THREADS, "test_GH8_a_thread_whose_rounds_are_over_is_answered_no_more"),
        ),
    },
}  # fmt: skip
