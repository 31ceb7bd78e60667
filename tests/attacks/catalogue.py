"""Which test holds which vector of RX1 to RX8, GR1 to GR8, MO1 to MO8 and TC5 to TC8.

By case and vector, with every place where it is tried; a name stands for a test function, whatever
its parameters. `test_catalogue.py` holds this table against the tests that there are.
"""

from __future__ import annotations

ROOM = "tests/integration/test_room.py"
CHECKS = "tests/integration/test_checks.py"
ENVIRONMENTS = "tests/integration/test_environments.py"
FLAKY = "tests/integration/test_flaky.py"
EGRESS = "tests/integration/test_egress.py"
GIT = "tests/integration/test_git_attacks.py"
REMOTE = "tests/integration/test_remote_git.py"
DOCTOR = "tests/integration/test_doctor.py"
TREE = "tests/unit/repository/test_tree.py"
READERS = "tests/unit/checks/test_readers.py"
BAD_INPUT = "tests/flow/test_bad_input.py"
FOREIGN = "tests/attacks/test_foreign_code.py"
ESCAPE = "tests/attacks/test_rx3_escape.py"
NETWORK = "tests/attacks/test_rx4_network.py"
EXHAUSTION = "tests/attacks/test_rx6_exhaustion.py"
GR_ROOMS = "tests/attacks/test_gr_rooms.py"
WHOLE = "tests/attacks/test_whole_runs.py"
CALLS = "tests/attacks/test_hostile_calls.py"
MODELS = "tests/attacks/test_hostile_models.py"
PATHS = "tests/unit/editing/test_path_gate.py"
TOOLS = "tests/unit/editing/test_toolbox.py"
PLANS = "tests/unit/editing/test_planning.py"
LOOP = "tests/unit/editing/test_loop.py"
PROMPTS = "tests/unit/editing/test_prompting.py"
CHAT = "tests/integration/test_chat_model.py"
RUNS = "tests/flow/test_model_runs.py"

_INSTALLED = (FOREIGN, "test_RX1_install_hooks_achieve_nothing")
_ARCHIVE = (FOREIGN, "test_RX1_a_source_archive_of_the_index_achieves_nothing")
_ADDRESSES = (FOREIGN, "test_RX1_nothing_is_fetched_from_an_address_of_the_repositorys_choice")
_IMPORTED = (FOREIGN, "test_RX2_import_time_code_achieves_nothing")
_POSING = (FOREIGN, "test_RX2_what_poses_as_a_tool_is_not_taken_for_it")
_OUTSIDE = (FOREIGN, "test_RX2_nothing_of_it_ran_outside_of_a_room")
_SAID = (FOREIGN, "test_RX2_nothing_secret_stands_in_what_checks_said")
_NEXT = (FOREIGN, "test_RX8_the_next_run_is_as_if_there_had_been_no_attack")
_SHARED = (FOREIGN, "test_RX8_nothing_that_rooms_share_was_changed")
_WRITTEN = (FOREIGN, "test_RX8_what_checks_wrote_is_not_in_the_tree")
_RETURNED = (FOREIGN, "test_RX7_what_a_build_hands_back_is_read_within_bounds")
_ESCAPE = (ESCAPE, "test_RX3_no_attempt_at_escape_works_in_a_room")
_ESCAPE_CONTROL = (ESCAPE, "test_RX3_each_attempt_works_where_there_is_no_wall")
_KERNEL = (ROOM, "test_kernel_calls_that_only_an_escape_needs_are_refused")
_SILENT = (NETWORK, "test_RX4_nothing_gets_out_of_a_room")
_CONTROL = (NETWORK, "test_RX4_the_payload_gets_out_by_every_way_where_there_is_no_wall")
_INDEX = (NETWORK, "test_RX4_the_way_to_the_index_leads_nowhere_else")
_LIMITS = (EXHAUSTION, "test_RX6_the_limit_is_named_and_the_neighbour_unaffected")
_ORPHAN = (EXHAUSTION, "test_RX6_whoever_has_left_the_session_does_not_outlive_the_room")
_SHOWN = (EXHAUSTION, "test_RX6_floods_are_shown_live_in_part_and_hold_nobody_up")
_WORDS = (READERS, "test_each_limit_has_its_words")
_RUN = (
    WHOLE,
    "test_RX2_RX8_GR2_GR3_a_run_of_a_hostile_repository_publishes_the_edit_and_nothing_else",
)
_FORGED = (WHOLE, "test_RX5_a_forged_run_is_unverified_and_publishes_nothing")
_PLANTED = (WHOLE, "test_RX8_GR7_what_is_planted_beside_the_asked_migration_is_not_taken")
_GIT_IN_ROOM = (GR_ROOMS, "test_GR2_GR4_GR7_what_a_room_writes_for_git_is_read_by_nobody")
_GIT_CONTROL = (GR_ROOMS, "test_GR2_the_same_poison_works_on_a_git_that_reads_it")
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
_BROKEN_RUN = (MODELS, "test_MO1_a_run_of_broken_calls_ends_by_name")
_MEASURE = (LOOP, "test_a_reply_without_measure_ends_the_run")
_NO_WAY_OUT = (CALLS, "test_MO2_no_tool_leads_out_of_the_tree")
_NOT_READ = (PATHS, "test_MO2_nothing_outside_is_read_found_or_touched")
_NOT_WRITTEN = (PATHS, "test_MO2_nothing_outside_is_written")
_OPTIONS = (CALLS, "test_MO3_no_argument_becomes_an_option")
_WITHOUT_END = (CALLS, "test_MO4_work_without_end_is_ended")
_OBEDIENT = (
    MODELS,
    "test_TC5_TC7_MO2_a_model_that_obeys_every_text_changes_nothing_but_what_was_asked",
)
_HIDDEN = (MODELS, "test_TC5_no_place_where_text_can_hide_has_an_effect")
_CHEATING = (MODELS, "test_MO6_a_change_that_cheats_is_refused_by_name")
_STEALING = (MODELS, "test_RX2_RX4_a_test_that_a_model_wrote_steals_nothing")
_IN_WORDS = (MODELS, "test_TC6_a_secret_in_a_models_words_leaves_in_no_form")
_IN_FILES = (MODELS, "test_TC6_a_secret_in_a_models_files_is_not_published")
_HUGE = (MODELS, "test_TC8_a_huge_ticket_is_cut_and_nothing_of_it_is_fetched")
_CLOSED = (PATHS, "test_what_the_contract_protects_is_refused_for_writing_with_the_reason")
_PASSES = (CHAT, "test_what_may_pass_is_tried_again")
_NEVER = (CHAT, "test_what_never_passes_is_tried_once")

Place = tuple[str, str]
CASES: dict[str, dict[str, tuple[Place, ...]]] = {
    "RX1": {
        "setup.py": (_INSTALLED, _CONTROL),
        "PEP 517 backend": (
            _INSTALLED,
            _ARCHIVE,
            (ENVIRONMENTS, "test_a_build_backend_reaches_nothing_outside_its_room"),
        ),
        "editable": (_INSTALLED,),
        "direct URL": (_ADDRESSES,),
        "post-install network": (_INSTALLED, _ARCHIVE, _OUTSIDE),
        "start-up files of a package": (
            (ENVIRONMENTS, "test_a_pth_file_of_a_package_never_runs_while_the_environment_is_made"),
        ),
        "only the index is reachable": (_INDEX, (EGRESS, "test_from_a_room_only_the_index_is_reached")),
        "no secret in the environment": (_INSTALLED, _ARCHIVE),
    },
    "RX2": {
        "conftest": (_IMPORTED, _RUN, _STEALING),
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
            (DOCTOR, "test_every_required_limit_holds_and_the_level_is_the_measured_one"),
            (DOCTOR, "test_a_broken_wall_is_named_as_the_reason_to_refuse"),
        ),
    },
    "RX4": {
        "TCP": (_SILENT, _CONTROL, _STEALING),
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
        "deleted tests": (_GONE,),
        "skip-all": (_FORGERIES, _GONE),
        "MIGRATION_MODULES off": (_LIES,),
        "custom makemigrations": (_LIES,),
        "gate from base": (
            (CHECKS, "test_a_change_of_the_test_rules_is_first_held_to_those_of_base"),
            (CHECKS, "test_a_change_of_the_type_rules_is_first_held_to_those_of_base"),
        ),
        "before our scripts": (
            (FOREIGN, "test_RX5_no_package_has_its_code_run_before_ours"),
            (FOREIGN, "test_RX5_no_package_replaces_the_interpreter"),
            (FOREIGN, "test_RX5_what_stands_beside_the_interpreter_would_be_first_indeed"),
        ),
        "run again": (
            (FLAKY, "test_a_change_cannot_forge_that_a_test_passes_when_it_is_run_alone"),
        ),
        "unverified is said": (_FORGED,),
    },
    "RX6": {
        "fork bomb": (_LIMITS,),
        "memory hog": (_LIMITS,),
        "disk and inode fill": (_LIMITS, (ROOM, "test_a_writable_mount_is_bounded_too")),
        "10^9 log lines": (_LIMITS, _SHOWN),
        "SIGTERM ignored": (_LIMITS,),
        "setsid orphan": (_ORPHAN,),
        "neighbour unaffected": (_LIMITS,),
        "the limit is named in the outcome": (
            _LIMITS,
            _WORDS,
            (BAD_INPUT, "test_tests_that_fork_without_end"),
            (BAD_INPUT, "test_tests_that_fill_the_disk"),
            (BAD_INPUT, "test_tests_that_never_end"),
            (BAD_INPUT, "test_tests_that_print_ten_million_lines"),
        ),
    },
    "RX7": {
        "entity bomb": (_RETURNED,),
        "1 GB report": (_RETURNED, _FORGERIES),
        "report as a symlink": (_RETURNED, _FORGERIES),
        "report as a FIFO": (_RETURNED, _FORGERIES, (ROOM, "test_links_pipes_and_too_large_files_stay_in_the_room")),
        "zip bomb": (_RETURNED,),
    },
    "RX8": {
        "caches": (_NEXT, _SHARED),
        "image and tools": (_SHARED,),
        "tmp": (_NEXT,),
        "builders": (
            _SHARED,
            (ENVIRONMENTS, "test_a_repository_cannot_plant_a_backend_that_builds_others"),
        ),
        "environment": (
            _NEXT,
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
        "written by tests in a room": (_GIT_IN_ROOM, _GIT_CONTROL, _RUN),
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
        "gitfile": ((GIT, "test_gr4_a_gitfile_to_another_repository_is_refused"), _GIT_IN_ROOM),
        "commondir": ((GIT, "test_gr4_a_commondir_elsewhere_is_refused"),),
        "alternates": ((GIT, "test_gr4_objects_from_elsewhere_are_refused"), _GIT_IN_ROOM),
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
        "symlink to a file": (_GR7_LINK, _GIT_IN_ROOM),
        "symlink to a folder": (_GR7_LINK, _GIT_IN_ROOM),
        "hardlink": (
            (TREE, "test_a_hard_link_is_not_read_and_not_written_through"), _GIT_IN_ROOM,
        ),
        "FIFO": (
            (GIT, "test_gr7_a_pipe_in_the_git_directory_does_not_hang"),
            (GIT, "test_gr7_odd_files_in_the_work_tree_do_not_hang"),
            _GIT_IN_ROOM,
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
            (GIT, "test_gr8_a_bomb_beside_the_base_is_refused_at_once"),
            (GIT, "test_gr8_endless_folders_without_a_file_are_refused_at_once"),
        ),
        "huge blob": (
            (GIT, "test_gr8_a_huge_file_is_refused_before_it_is_copied"),
            (REMOTE, "test_GR8_a_repository_that_is_too_large_is_refused_and_nothing_of_it_stays"),
        ),
        "a million refs": ((GIT, "test_gr8_a_million_refs_are_refused"),),
        "case and NFC": (_GR8_SAME,),
        "newline, ANSI, dash": (_GR8_NAMES,),
        "full-width": (_GR8_SAME, _GR1_BRANCH),
    },
    "MO1": {
        "bad JSON": (_BROKEN, _EVERY_WIRE, _SENSES),
        "cut stream": (_BROKEN,),
        "wrong types": (_BROKEN, (TOOLS, "test_MO1_a_malformed_call_is_answered_precisely_and_shortly")),
        "unknown tool": (_BROKEN, (TOOLS, "test_MO1_an_unknown_tool_is_answered_with_those_there_are")),
        "duplicate ids": (_EVERY_WIRE, (TOOLS, "test_MO1_of_calls_with_one_id_the_first_counts")),
        "lone surrogates": (
            _EVERY_WIRE, (CHAT, "test_halves_of_surrogate_pairs_are_written_out"),
        ),
        "10 MB argument": (
            _BROKEN, _MEASURE,
            (CHAT, "test_a_reply_without_end_is_broken_off_and_not_asked_for_again"),
        ),
        "thousands of calls": (_BROKEN, (LOOP, "test_a_reply_of_calls_without_number_ends_the_run")),
        "calls after the form": ((LOOP, "test_nothing_is_done_after_the_form"),),
        "a whole run": (_BROKEN_RUN,),
    },
    "MO2": {
        "../, absolute, ~": (_NO_WAY_OUT, _NOT_READ, _NOT_WRITTEN, _OBEDIENT),
        ".git and .GIT": (_NO_WAY_OUT, _NOT_READ, _NOT_WRITTEN, _OBEDIENT),
        "NUL and control characters": (_NO_WAY_OUT, _NOT_READ, _NOT_WRITTEN),
        "sibling prefix": (_NOT_READ, _NOT_WRITTEN),
        "links": (_NOT_READ, (PATHS, "test_MO2_a_file_that_became_a_link_is_not_followed")),
        "/proc/self/environ": (_NO_WAY_OUT, _OBEDIENT),
        "in a plan": ((PLANS, "test_MO2_a_plan_names_paths_of_the_repository"),),
    },
    "MO3": {
        "selector -p x": (_OPTIONS,),
        "--rootdir=/": (_OPTIONS,),
        ";cmd": (_OPTIONS,),
        "--python-executable": (_OPTIONS, _OBEDIENT),
        "in a plan": ((PLANS, "test_MO3_a_planned_test_has_a_name_and_nothing_else"),),
    },
    "MO4": {
        "same call": (_WITHOUT_END,),
        "A-B-A-B": (_WITHOUT_END,),
        "something new for ever": (_WITHOUT_END,),
        "budget, resumable": (
            (CALLS, "test_MO4_or_its_budget_ends_it_with_the_work_kept"),
            (RUNS, "test_at_the_cap_the_work_is_kept"),
        ),
        "an endless reply": ((CHAT, "test_a_reply_that_takes_too_long_is_broken_off"),),
    },
    "MO5": {
        "thousands of files": (
            (CALLS, "test_MO5_a_change_keeps_its_measure"),
            (PATHS, "test_MO5_a_change_touches_no_more_files_than_it_may"),
        ),
        "large and binary files": (
            (PATHS, "test_MO5_large_and_binary_files_are_neither_read_nor_made"),
        ),
        "mass reformat": ((PATHS, "test_MO5_a_new_layout_alone_is_refused"),),
        "mode change": ((PATHS, "test_MO5_no_tool_sets_a_mode_and_a_moved_file_keeps_its_own"),),
        "delete all": ((PATHS, "test_MO5_most_files_stay"),),
    },
    "MO6": {
        "workflows, CODEOWNERS": (_CLOSED, _OBEDIENT),
        "gate configuration": (_CHEATING,),
        "assert True": (_CHEATING,),
        "bidi": (_CHEATING,),
    },
    "MO7": {
        "all green with red": ((RUNS, "test_a_model_that_claims_success_changes_no_fact"), _CHEATING),
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
    "TC5": {
        "comment, picture, alt, title, details, definition": (_HIDDEN, _OBEDIENT),
        "zero-width, tags, bidi, entities": (_HIDDEN,),
        "in ticket, notes, pages and code": (_HIDDEN,),
    },
    "TC6": {
        "in words, encoded": (_IN_WORDS,),
        "in files, encoded, as a name": (_IN_FILES,),
        "by a test": (_STEALING,),
    },
    "TC7": {
        "fake turns and marks": (_OBEDIENT, (PROMPTS, "test_foreign_words_cannot_end_their_fence")),
        "AGENTS.md, file names, comments, output": (_OBEDIENT,),
    },
    "TC8": {"huge body, images, addresses": (_HUGE,)},
}  # fmt: skip
