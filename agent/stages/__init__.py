"""The stages of a run, in the order in which `agent.workflow` names them; none imports another."""
