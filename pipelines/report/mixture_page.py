"""The page and the dataset card of a mixture: which members it has, and where their own are."""

import dataclasses

from pipelines.report.dropped import dropped_tables
from pipelines.report.page import template_of
from pipelines.report.sources import source_lines
from schemas.checked_json import DamagedError
from schemas.manifest import MANIFEST, MixtureManifest
from transforms.objectives import MIXTURES
from transforms.objectives.mixture import Member, Mixture
from transforms.objectives.settings import recipe_from


def render_mixture_report(manifest: MixtureManifest, mixture: Mixture) -> str:
    """Returns a page with a line for each member and split, and links to the members' pages."""
    return _render("mixture.html.j2", manifest, mixture)


def render_mixture_card(manifest: MixtureManifest, mixture: Mixture) -> str:
    """Returns README.md as the Hugging Face hub reads it: every member is a configuration."""
    return _render("mixture_card.md.j2", manifest, mixture)


def stored_mixture(manifest: MixtureManifest) -> Mixture:
    """Returns the mixture that was built.

    Raises:
      DamagedError: if a recipe cannot be understood.
    """
    records = [manifest.members[name] for name in manifest.mixture.order]
    try:
        members = tuple(
            Member(recipe_from(each.recipe.name, each.recipe.settings), each.weight)
            for each in records
        )
    except (ValueError, OverflowError) as error:
        raise DamagedError(f"{MANIFEST} is damaged: {error}") from error
    name = manifest.mixture.name
    if name in MIXTURES:
        return dataclasses.replace(MIXTURES[name], members=members)
    text = ",".join(
        member.recipe.name + (f"={member.weight:g}" if member.weight != 1 else "")
        for member in members
    )
    return Mixture(
        name=name, summary=f"Put together: {text}.", source="the command line", members=members
    )


def _render(template: str, manifest: MixtureManifest, mixture: Mixture) -> str:
    members = [
        {
            "name": member.recipe.name,
            "summary": member.recipe.summary,
            "weight": member.weight,
            "splits": manifest.members[member.recipe.name].splits,
        }
        for member in mixture.members
    ]
    return template_of(template).render(
        manifest=manifest,
        mixture=mixture,
        members=members,
        sources=source_lines(manifest.documents),
        dropped=dropped_tables(manifest),
    )
