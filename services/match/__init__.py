"""requests.routed.v1 -> requests.matched.v1: which earlier report, if any, is of the same incident."""
