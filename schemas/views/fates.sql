-- One row a prompt, rollout and plan: what became of it.
--
-- fate     exported (an example shows it), excluded, or pending (a stage has yet to decide).
-- stage    the first table that excluded it, or that a pending one waits for; null where exported. The order is
--          screened, bands, rollouts, verdicts, plans, choices, adjudicated, examples: a rollout of a prompt outside
--          the band is excluded by `bands`, whatever its own verdict.
-- reason   the code that the table gives; `outcome:reason` for verdicts; null where exported or pending.
WITH prompt_gates AS (
    SELECT prompt_id, 'screened' AS stage, reason FROM screened WHERE decision = 'dropped'
    UNION ALL
    SELECT prompt_id, 'bands', region
    FROM bands
    WHERE region <> 'in_band' AND prompt_id NOT IN (SELECT prompt_id FROM screened WHERE decision = 'dropped')
),

samples AS (
    SELECT rollouts.rollout_id, rollouts.prompt_id, rollouts.parent_id, rollouts.arm, rollouts.finish_reason,
        rollouts.error_kind, verdict.outcome, verdict.reason, choice.decision, choice.reason AS choice_reason,
        gate.stage AS gate_stage, gate.reason AS gate_reason,
        rollouts.rollout_id IN (SELECT rollout_id FROM examples) AS is_exported
    FROM rollouts
    LEFT JOIN prompts USING (prompt_id)
    LEFT JOIN verdicts_latest AS verdict
        ON verdict.rollout_id = rollouts.rollout_id AND verdict.verifier = prompts.verifier
    LEFT JOIN choices AS choice ON choice.kind = 'trace' AND choice.id = rollouts.rollout_id
    LEFT JOIN prompt_gates AS gate ON gate.prompt_id = rollouts.prompt_id
),

sample_fates AS (
    SELECT rollout_id, prompt_id, parent_id, arm, CASE
        WHEN is_exported THEN {'stage': NULL, 'reason': NULL, 'fate': 'exported'}
        WHEN gate_stage IS NOT NULL THEN {'stage': gate_stage, 'reason': gate_reason, 'fate': 'excluded'}
        WHEN finish_reason = 'error' THEN {'stage': 'rollouts', 'reason': error_kind, 'fate': 'excluded'}
        WHEN arm = 'write_plan' THEN {'stage': 'plans', 'reason': NULL, 'fate': 'pending'}
        WHEN outcome <> 'correct' THEN {'stage': 'verdicts', 'reason': outcome || ':' || reason, 'fate': 'excluded'}
        WHEN decision = 'dropped' THEN {'stage': 'choices', 'reason': choice_reason, 'fate': 'excluded'}
        WHEN decision = 'kept' THEN {'stage': 'examples', 'reason': NULL, 'fate': 'pending'}
        WHEN outcome IS NULL THEN {'stage': 'verdicts', 'reason': NULL, 'fate': 'pending'}
        WHEN arm <> 'solve' THEN {'stage': 'choices', 'reason': 'evidence_only', 'fate': 'excluded'}
        ELSE {'stage': 'choices', 'reason': NULL, 'fate': 'pending'}
    END AS became
    FROM samples
),

plan_fates AS (
    SELECT plans.plan_id, plans.prompt_id, plans.rollout_id, CASE
        WHEN plans.plan_id IN (SELECT plan_id FROM examples)
            THEN {'stage': NULL, 'reason': NULL, 'fate': 'exported'}
        WHEN gate.stage IS NOT NULL THEN {'stage': gate.stage, 'reason': gate.reason, 'fate': 'excluded'}
        WHEN plans.status <> 'parsed' THEN {'stage': 'plans', 'reason': plans.status, 'fate': 'excluded'}
        WHEN choice.decision = 'dropped' THEN {'stage': 'choices', 'reason': choice.reason, 'fate': 'excluded'}
        WHEN judged.verdict IN ('discard', 'fix')
            THEN {'stage': 'adjudicated', 'reason': judged.verdict, 'fate': 'excluded'}
        WHEN trace.became.fate = 'excluded' THEN trace.became
        WHEN plans.prompt_id IN (SELECT prompt_id FROM examples)
            THEN {'stage': 'examples', 'reason': 'not_shown', 'fate': 'excluded'}
        ELSE {'stage': 'examples', 'reason': NULL, 'fate': 'pending'}
    END AS became
    FROM plans
    LEFT JOIN prompt_gates AS gate USING (prompt_id)
    LEFT JOIN choices AS choice ON choice.kind = 'plan' AND choice.id = plans.plan_id
    LEFT JOIN adjudicated AS judged ON judged.plan_id = plans.plan_id
    LEFT JOIN sample_fates AS writer ON writer.rollout_id = plans.rollout_id
    LEFT JOIN sample_fates AS trace ON trace.rollout_id = writer.parent_id
),

rollout_fates AS (
    SELECT sample.rollout_id, sample.prompt_id, CASE
        WHEN sample.arm <> 'write_plan' OR sample.became.fate = 'excluded' THEN sample.became
        WHEN plan.plan_id IS NOT NULL THEN plan.became
        WHEN sample.prompt_id IN (SELECT prompt_id FROM plans)
            THEN {'stage': 'plans', 'reason': 'same_plan', 'fate': 'excluded'}
        ELSE sample.became
    END AS became
    FROM sample_fates AS sample
    LEFT JOIN plan_fates AS plan ON plan.rollout_id = sample.rollout_id
),

traces AS (
    SELECT prompt_id, bool_or(outcome = 'correct') AS has_correct, bool_or(decision = 'kept') AS has_kept,
        bool_or(outcome IS NULL AND finish_reason <> 'error') AS awaits_verdict,
        bool_or(outcome = 'correct' AND decision IS NULL) AS awaits_choice
    FROM samples
    WHERE arm = 'solve'
    GROUP BY prompt_id
),

prompt_fates AS (
    SELECT prompts.prompt_id, CASE
        WHEN prompts.prompt_id IN (SELECT prompt_id FROM examples)
            THEN {'stage': NULL, 'reason': NULL, 'fate': 'exported'}
        WHEN gate.stage IS NOT NULL THEN {'stage': gate.stage, 'reason': gate.reason, 'fate': 'excluded'}
        WHEN prompts.prompt_id NOT IN (SELECT prompt_id FROM screened)
            THEN {'stage': 'screened', 'reason': NULL, 'fate': 'pending'}
        WHEN prompts.prompt_id NOT IN (SELECT prompt_id FROM bands)
            THEN {'stage': 'bands', 'reason': NULL, 'fate': 'pending'}
        WHEN traces.has_kept THEN {'stage': 'examples', 'reason': NULL, 'fate': 'pending'}
        WHEN traces.awaits_verdict THEN {'stage': 'verdicts', 'reason': NULL, 'fate': 'pending'}
        WHEN traces.awaits_choice THEN {'stage': 'choices', 'reason': NULL, 'fate': 'pending'}
        WHEN traces.has_correct THEN {'stage': 'choices', 'reason': 'no_kept_trace', 'fate': 'excluded'}
        ELSE {'stage': 'verdicts', 'reason': 'no_correct_trace', 'fate': 'excluded'}
    END AS became
    FROM prompts
    LEFT JOIN prompt_gates AS gate USING (prompt_id)
    LEFT JOIN traces USING (prompt_id)
)

SELECT 'prompt' AS entity, prompt_id AS id, prompt_id, became.stage, became.reason, became.fate FROM prompt_fates
UNION ALL
SELECT 'rollout', rollout_id, prompt_id, became.stage, became.reason, became.fate FROM rollout_fates
UNION ALL
SELECT 'plan', plan_id, prompt_id, became.stage, became.reason, became.fate FROM plan_fates
